package judge

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"weir/notebooks/release"
	"weir/notebooks/verify"
)

// none checks nothing positively: every seal is refused.
type none struct{}

func (none) Check(verify.Seal, map[string]string) error { return errNone }

var errNone = notNotebook

func judgeFor(t testing.TB, keys ...ed25519.PublicKey) Judge {
	t.Helper()
	seen, err := OpenSeen(filepath.Join(t.TempDir(), "weir", "seen"))
	if err != nil {
		t.Fatal(err)
	}
	return Judge{Keys: keys, Seals: none{}, Seen: seen}
}

const printed = `{"cells":[{"cell_type":"code","execution_count":1,"id":"a","metadata":{},"outputs":[{"name":"stdout","output_type":"stream","text":["CANARY\n"]}],"source":[]}],"metadata":{},"nbformat":4,"nbformat_minor":5}`

// ask is one question's answer.
func (j Judge) ask(t testing.TB, q map[string]any) answer {
	t.Helper()
	line, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := j.Serve(strings.NewReader(string(line)+"\n"), &out); err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal([]byte(out.String()), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// A text opens after a browser saved it, in this process and in the next.
func TestTextsOpenOnceSaved(t *testing.T) {
	j := judgeFor(t)
	open := func(j Judge) bool {
		return strings.Contains(j.ask(t, map[string]any{"ask": "open", "notebook": printed}).Notebook, "CANARY")
	}
	if open(j) {
		t.Fatal("a text that nobody saved is shown")
	}
	if a := j.ask(t, map[string]any{"ask": "save", "notebook": printed}); !a.OK {
		t.Fatal(a)
	}
	again, err := OpenSeen(j.Seen.path)
	if err != nil {
		t.Fatal(err)
	}
	if !open(j) || !open(Judge{Seals: none{}, Seen: again}) {
		t.Error("a text that was saved is not shown")
	}
}

func TestOnlyReleasedFilesPass(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	other := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize)))
	content := []byte("a,b\n")
	slip, err := release.NewSlip(key, release.SlipStatement{File: "a.csv", SHA256: verify.HashOf(content)})
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public().(ed25519.PublicKey)
	for name, test := range map[string]struct {
		j       Judge
		content []byte
		slip    string
		passes  bool
	}{
		"as released":               {judgeFor(t, public), content, string(slip), true},
		"by the second of two keys": {judgeFor(t, other.Public().(ed25519.PublicKey), public), content, string(slip), true},
		"changed":                   {judgeFor(t, public), []byte("a,c\n"), string(slip), false},
		"without a slip":            {judgeFor(t, public), content, "", false},
		"a slip of another key":     {judgeFor(t, other.Public().(ed25519.PublicKey)), content, string(slip), false},
		"a slip that was changed":   {judgeFor(t, public), content, strings.Replace(string(slip), "a.csv", "b.csv", 1), false},
		"without a key":             {judgeFor(t), content, string(slip), false},
	} {
		a := test.j.ask(t, map[string]any{"ask": "file", "content": base64.StdEncoding.EncodeToString(test.content), "slip": test.slip})
		if a.OK != test.passes || !a.OK && a.Why == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// Whatever is asked, the answer is yes or a reason, which quotes nothing.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"ask":"message","kind":"display_data","content":{"data":{"text/html":"CANARY"}}}`))
	f.Add([]byte(`{"ask":"open","notebook":"person_id,bmi\nCANARY,22"}`))
	f.Add([]byte(`{"ask":"file","content":"CANARY","slip":"CANARY"}`))
	f.Add([]byte(`CANARY`))
	j := judgeFor(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := j.Answer(b).(answer)
		if !ok || a.OK == (a.Why != "") {
			t.Errorf("%+v", a)
		}
		if strings.Contains(a.Why, "CANARY") {
			t.Errorf("it quotes: %s", a.Why)
		}
	})
}
