package kernel

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const testKey = "0123456789abcdef0123456789abcdef"

// writeConnectionFile writes a good one, with some members changed; nil removes.
func writeConnectionFile(t testing.TB, change fields) string {
	t.Helper()
	f := fields{"transport": "tcp", "ip": "127.0.0.1", "signature_scheme": "hmac-sha256", "key": testKey, "kernel_name": "weir"}
	ports := []int{1, 2, 3, 4, 5}
	if change["transport"] != "ipc" {
		ports = freePorts(t)
	}
	for i, name := range []string{"shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"} {
		f[name] = ports[i]
	}
	for name, v := range change {
		if f[name] = v; v == nil {
			delete(f, name)
		}
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kernel.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func freePorts(t testing.TB) (ports []int) {
	for range 5 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func TestConnectionFileAccepted(t *testing.T) {
	private := t.TempDir()
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, change := range []fields{
		{},
		{"ip": "::1"},
		{"ip": "127.0.0.53"},
		{"kernel_name": nil},
		{"something_new": fields{"a": 1}},
		{"transport": "ipc", "ip": filepath.Join(private, "kernel")},
	} {
		f, err := ReadConnectionFile(writeConnectionFile(t, change))
		if err != nil {
			t.Errorf("%v: %v", change, err)
			continue
		}
		if string(f.Key) != testKey || f.Shell == 0 || f.Heartbeat == 0 {
			t.Errorf("%v: read as %+v", change, f)
		}
		if s := f.String(); strings.Contains(s, testKey) {
			t.Errorf("the key is printed: %s", s)
		}
	}
	f, err := ReadConnectionFile(writeConnectionFile(t, fields{"ip": "192.0.2.1"}), UnsafeAnyAddress())
	if err != nil || f.IP != "192.0.2.1" {
		t.Errorf("UnsafeAnyAddress: %v, %v", f, err)
	}
}

func TestConnectionFileRefused(t *testing.T) {
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		change fields
		want   string // in the error, beside the path
	}{
		{fields{"key": strings.Repeat("k", 31)}, "31 bytes"},
		{fields{"key": ""}, "key is empty"},
		{fields{"key": nil}, "key is empty"},
		{fields{"key": 12}, "key is not of its type"},
		{fields{"signature_scheme": "hmac-md5"}, "hmac-sha256"},
		{fields{"signature_scheme": nil}, "hmac-sha256"},
		{fields{"transport": "inproc"}, "tcp or ipc"},
		{fields{"transport": nil}, "tcp or ipc"},
		{fields{"ip": "0.0.0.0"}, "127.0.0.1"},
		{fields{"ip": "::"}, "127.0.0.1"},
		{fields{"ip": "*"}, "127.0.0.1"},
		{fields{"ip": "localhost"}, "127.0.0.1"},
		{fields{"ip": "192.0.2.1"}, "other machines can reach"},
		{fields{"ip": "::ffff:192.0.2.1"}, "other machines can reach"},
		{fields{"ip": ""}, "ip is empty"},
		{fields{"shell_port": nil}, "shell_port is missing"},
		{fields{"iopub_port": 0}, "iopub_port is missing"},
		{fields{"stdin_port": -1}, "stdin_port is missing or not from 1"},
		{fields{"control_port": 65536}, "control_port is missing or not from 1"},
		{fields{"hb_port": "5"}, "hb_port is not of its type"},
		{fields{"hb_port": 1.5}, "hb_port is not of its type"},
		{fields{"shell_port": 4000, "hb_port": 4000}, "shell_port and hb_port are both 4000"},
		{fields{"Key": "x", "key": nil}, "key is empty"},
		{fields{"curve_publickey": "x"}, "CURVE"},
		{fields{"transport": "ipc", "ip": filepath.Join(open, "kernel")}, "chmod 700 " + open},
		{fields{"transport": "ipc", "ip": "/nowhere/kernel"}, "create it with mode 0700"},
	}
	for _, test := range tests {
		path := writeConnectionFile(t, test.change)
		_, err := ReadConnectionFile(path)
		if err == nil {
			t.Errorf("%v: accepted", test.change)
			continue
		}
		for _, want := range []string{path, test.want} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %q does not say %q", test.change, err, want)
			}
		}
	}
}

// What is refused before the file's text is read.
func TestConnectionFileNotPrivate(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		want string
	}{
		{"readable by all", func(p string) error { return os.Chmod(p, 0o644) }, "chmod 600 "},
		{"readable by the group", func(p string) error { return os.Chmod(p, 0o640) }, "chmod 600 "},
		{"writable by others", func(p string) error { return os.Chmod(p, 0o602) }, "chmod 600 "},
		{"symbolic link", func(p string) error { return os.Rename(p, p+"2") }, "symbolic link"},
		{"directory", func(p string) error { os.Remove(p); return os.Mkdir(p, 0o700) }, "not a regular file"},
		{"pipe", func(p string) error { os.Remove(p); return syscall.Mkfifo(p, 0o600) }, "not a regular file"},
		{"missing", os.Remove, "Jupyter wrote"},
		{"long", func(p string) error { return os.Truncate(p, connectionFileLimit+1) }, "longer than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := writeConnectionFile(t, nil)
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			if test.name == "symbolic link" {
				if err := os.Symlink(path+"2", path); err != nil {
					t.Fatal(err)
				}
			}
			_, err := ReadConnectionFile(path)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not name the file and %q", err, test.want)
			}
		})
	}
	t.Run("another user's", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give a file away")
		}
		path := writeConnectionFile(t, nil)
		if err := os.Chown(path, 4711, 4711); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadConnectionFile(path); err == nil || !strings.Contains(err.Error(), "belongs to user 4711") {
			t.Error(err)
		}
	})
}

func TestConnectionFileStrictJSON(t *testing.T) {
	good, err := os.ReadFile(writeConnectionFile(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":       "",
		"array":       "[" + string(good) + "]",
		"trailing":    string(good) + "{}",
		"twice":       strings.Replace(string(good), "{", `{"ip":"127.0.0.1",`, 1),
		"not UTF-8":   strings.Replace(string(good), "weir", "\xff", 1),
		"unfinished":  string(good[:len(good)-1]),
		"only a text": `"transport"`,
	} {
		if _, err := parseConnectionFile([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Whatever is accepted is safe to serve, and encoding/json reads the same in it.
func FuzzConnectionFile(f *testing.F) {
	good, _ := os.ReadFile(writeConnectionFile(f, nil))
	f.Add(good)
	f.Add([]byte(`{"key":"` + testKey + `","key":""}`))
	f.Add([]byte(`{"transport":"ipc","ip":"@abstract","signature_scheme":"hmac-sha256"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConnectionFile(b)
		if err != nil {
			return
		}
		ports := map[int]bool{c.Shell: true, c.IOPub: true, c.Stdin: true, c.Control: true, c.Heartbeat: true}
		for p := range ports {
			if p < 1 || p > 65535 {
				t.Errorf("port %d", p)
			}
		}
		if len(ports) != 5 || len(c.Key) < 32 || c.IP == "" || c.Transport != "tcp" && c.Transport != "ipc" {
			t.Errorf("accepted %v", c)
		}
		var again map[string]any
		if err := json.Unmarshal(b, &again); err != nil || again["key"] != string(c.Key) || again["ip"] != c.IP {
			t.Errorf("read %v, encoding/json reads %v, %v", c, again, err)
		}
	})
}
