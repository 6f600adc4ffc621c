package install

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func aReceipt(t testing.TB) (place, []byte) {
	p := place{data: "/d", spec: "/d/kernels/weir", record: "/d/weir/kernels/weir"}
	content, err := encode(receipt{
		Receipt: 1,
		Spec:    p.spec,
		Files:   tree{".": "directory", "kernel.json": digest(nil)},
		Made:    []string{"/d", "/d/kernels", "/d/weir/kernels/weir"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, content
}

func TestReceiptIsReadStrictly(t *testing.T) {
	p, good := aReceipt(t)
	if _, err := parseReceipt(good, p); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"another version":     {`"receipt": 1`, `"receipt": 2`},
		"another place":       {"/d/kernels/weir", "/e/kernels/weir"},
		"an unknown field":    {`"receipt": 1`, `"receipt": 1, "more": 1`},
		"a field in capitals": {`"receipt"`, `"RECEIPT"`},
		"a name twice":        {`"receipt": 1`, `"receipt": 1, "receipt": 1`},
		"trailing bytes":      {"]\n}\n", "]\n}\n}"},
		"a strange directory": {`"/d/kernels"`, `"/home"`},
		"a climbing path":     {`"/d/kernels"`, `"/d/kernels/.."`},
	} {
		bad := strings.Replace(string(good), edit[0], edit[1], 1)
		if bad == string(good) {
			t.Fatalf("%s: nothing was edited", name)
		}
		if _, err := parseReceipt([]byte(bad), p); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestDamagedReceiptStopsEverything(t *testing.T) {
	o := options(t, t.TempDir())
	installed(t, o)
	path := o.Prefix + "/share/jupyter/weir/kernels/weir/receipt.json"
	if err := os.Truncate(path, 20); err != nil {
		t.Fatal(err)
	}
	if _, err := PlanUninstall(o); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("PlanUninstall: %v", err)
	}
	if _, err := Plan(o); err == nil {
		t.Error("Plan went on")
	}
}

func FuzzParseReceipt(f *testing.F) {
	p, good := aReceipt(f)
	f.Add(good)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"receipt": 1, "spec": "/d/kernels/weir", "made": ["/"]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := parseReceipt(content, p)
		if err != nil {
			return
		}
		if again, err := encode(r); err != nil || !bytes.Equal(again, content) {
			t.Errorf("%q reads back as %q, %v", content, again, err)
		}
		for _, d := range r.Made {
			if !strings.HasPrefix(p.spec, d) && !strings.HasPrefix(p.record, d) {
				t.Errorf("would prune %q", d)
			}
		}
	})
}
