package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func write(t testing.TB, path string, n int) []byte {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range n {
		if _, err := l.Append(Release, map[string]any{"cell": i, "text": "<b>&\u2028"}); err != nil {
			t.Fatal(err)
		}
	}
	return contents(t, path)
}

func contents(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func replace(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func entries(t testing.TB, path string) []Entry {
	t.Helper()
	var out []Entry
	if _, err := Read(path, func(e Entry) error { out = append(out, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func lines(b []byte) [][]byte {
	l := bytes.SplitAfter(b, []byte("\n"))
	return l[:len(l)-1]
}

func section(b []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}

// TestTampering changes, removes and inserts every byte, and removes, repeats and
// swaps every line. The file alone shows all of it but a last line that is gone,
// and with a checkpoint that shows too.
func TestTampering(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	whole := write(t, path, 12)
	tree, err := ReadTree(path)
	if err != nil {
		t.Fatal(err)
	}
	last, err := tree.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	found := func(alone bool, b []byte, what string, args ...any) {
		t.Helper()
		tried++
		now := new(Tree)
		left, err := scan(section(b), path, 0, Entry{}, func(e Entry, _ int64) error { return now.Add(e) })
		rest := len(left)
		if alone && err == nil && rest == 0 {
			t.Errorf(what+": not found", args...)
		}
		if err == nil && now.Check(last) == nil {
			t.Errorf(what+": not found with a checkpoint", args...)
		}
		if !alone || tried%60 > 0 {
			return
		}
		// The whole way through the file, too. Bytes behind the last newline are mended; everything else stops the ledger.
		var tampered *TamperedError
		replace(t, path, b)
		if rest2, err2 := Read(path, func(Entry) error { return nil }); (err2 == nil) != (err == nil) || rest2 != rest {
			t.Errorf(what+": read from the file: %d bytes, %v", append(args, rest2, err2)...)
		}
		if l, err := Open(path); err == nil {
			if rest == 0 {
				t.Errorf(what+": opened", args...)
			}
			l.Close()
		} else if !errors.As(err, &tampered) {
			t.Errorf(what+": %v", append(args, err)...)
		}
	}
	all := lines(whole)
	end := len(whole) - len(all[len(all)-1])
	for i := range whole {
		for _, x := range []byte{0x01, 0x20, 0x80, whole[i] ^ '\n'} {
			b := bytes.Clone(whole)
			if b[i] ^= x; b[i] != whole[i] {
				found(true, b, "byte %d changed to %q", i, b[i])
			}
		}
		found(true, append(bytes.Clone(whole[:i]), whole[i+1:]...), "byte %d removed", i)
		found(true, append(append(bytes.Clone(whole[:i]), ' '), whole[i:]...), "a byte inserted at %d", i)
		if i >= end {
			found(i > end, whole[:i], "cut at %d", i)
		}
	}
	for i := range all {
		others := append(append([][]byte{}, all[:i]...), all[i+1:]...)
		found(i < len(all)-1, bytes.Join(others, nil), "line %d removed", i+1)
		for j := range all {
			repeated := append(append(append([][]byte{}, all[:j]...), all[i]), all[j:]...)
			found(true, bytes.Join(repeated, nil), "line %d copied to line %d", i+1, j+1)
			if i < j {
				swapped := append([][]byte{}, all...)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				found(true, bytes.Join(swapped, nil), "lines %d and %d swapped", i+1, j+1)
			}
		}
	}
	t.Logf("%d changes to a ledger of %d bytes", tried, len(whole))
	if tried < 5*len(whole) {
		t.Errorf("only %d changes were tried", tried)
	}
}

// TestTamperingArchives changes an archive and the file that continues it: every
// byte, every line, and one for another. Only lines that are cut off the last file
// need a checkpoint.
func TestTamperingArchives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	write(t, path, 2)
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Rotate(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	write(t, path, 2)
	tree, err := ReadTree(path)
	if err != nil {
		t.Fatal(err)
	}
	last, err := tree.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	files := [][]byte{contents(t, path+".0001"), contents(t, path)}
	tried := 0
	found := func(alone bool, archive, file []byte, what string, args ...any) {
		t.Helper()
		tried++
		replace(t, path+".0001", archive)
		replace(t, path, file)
		now := new(Tree)
		rest, err := Read(path, now.Add)
		if alone && err == nil && rest == 0 {
			t.Errorf(what+": not found", args...)
		}
		if err == nil && now.Check(last) == nil {
			t.Errorf(what+": not found with a checkpoint", args...)
		}
	}
	with := func(which int, b []byte) (archive, file []byte) {
		if which == 0 {
			return b, files[1]
		}
		return files[0], b
	}
	for which, whole := range files {
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 0x01
			archive, file := with(which, b)
			found(true, archive, file, "file %d, byte %d changed", which, i)
			archive, file = with(which, slices.Delete(bytes.Clone(whole), i, i+1))
			found(true, archive, file, "file %d, byte %d removed", which, i)
			if archive, file = with(which, whole[:i]); i > 0 {
				found(which == 0 || whole[i-1] != '\n', archive, file, "file %d cut at %d", which, i)
			}
		}
	}
	all := append(lines(files[0]), lines(files[1])...)
	for i := range all { // where the files part is moved
		if i != len(lines(files[0])) {
			found(true, bytes.Join(all[:i], nil), bytes.Join(all[i:], nil), "the archive ends after line %d", i)
		}
		for j := range all {
			other := append(append(slices.Clone(all[:j]), all[i]), all[j:]...)
			found(true, bytes.Join(other[:len(other)-3], nil), bytes.Join(other[len(other)-3:], nil), "line %d copied to line %d", i+1, j+1)
		}
	}
	found(true, files[1], files[0], "the files exchanged")
	found(true, files[0], files[0], "the archive in the file's place")
	found(true, files[0], nil, "an empty file")
	t.Logf("%d changes", tried)
	replace(t, path, nil)
	if _, err := Open(path); err == nil {
		t.Error("an empty file was opened beside its archive")
	}
}

// TestCanonical has lines whose hash is right and that Append would not write.
func TestCanonical(t *testing.T) {
	ok := `{"seq":1,"time":"2022-07-01T09:30:00.5Z","prev":"` + nothing + `","kind":"release","body":{"a":[{"a":1},{"a":2}]}}`
	if _, err := (Entry{}).follow(signed(ok)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new string }{
		{`"seq":1,`, `"seq": 1,`},
		{`"seq":1,`, `"seq":2,`},
		{`"seq":1,`, `"seq":0,`},
		{`"seq":1,`, `"seq":1,"seq":1,`},
		{`"seq":1,`, ``},
		{`"seq"`, `"Seq"`},
		{`"kind":"release",`, `"kind":"release","more":1,`},
		{`"kind":"release"`, `"kind":"Release"`},
		{`"kind":"release"`, `"kind":""`},
		{`"kind":"release"`, `"kind":"continued"`},
		{`"kind":"release"`, `"kind":"rele\u0061se"`},
		{`09:30:00.5Z`, `09:30:00.50Z`},
		{`09:30:00.5Z`, `09:30:00.5+00:00`},
		{`09:30:00.5Z`, `10:30:00.5+01:00`},
		{`{"a":[{"a":1},{"a":2}]}`, `[1]`},
		{`{"a":[{"a":1},{"a":2}]}`, `null`},
		{`{"a":[{"a":1},{"a":2}]}`, `{"a":1,"a":2}`},
		{`{"a":[{"a":1},{"a":2}]}`, `{"b":{"a":[],"a":2}}`},
		{`{"a":[{"a":1},{"a":2}]}`, `{"b":[{"a":{},"c":1,"a":2}]}`},
		{`{"a":[{"a":1},{"a":2}]}`, `{"a":"<"}`},
		{`{"a":[{"a":1},{"a":2}]}`, `{"a":1 }`},
		{`{"a":[{"a":1},{"a":2}]}`, `{"a":1,"\u0061":2}`},
		{`{"a":[{"a":1},{"a":2}]}`, "{\"a\":\"\xff\"}"},
		{`{"a":[{"a":1},{"a":2}]}`, `{"a":1`},
		{`{"a":[{"a":1},{"a":2}]}`, `{"a":1},"b":{}`},
		{`{"a":[{"a":1},{"a":2}]}`, `{"a":1}}`},
		{`{"a":[{"a":1},{"a":2}]}`, ``},
		{nothing, strings.Repeat("1", 64)},
		{nothing, ""},
		{`"seq":1,"time":"2022-07-01T09:30:00.5Z","prev":"` + nothing + `","kind":"release"`, `"seq":7,"time":"2022-07-01T09:30:00.5Z","prev":"` + nothing[:63] + `Z","kind":"continued"`},
	} {
		bad := strings.Replace(ok, c.old, c.new, 1)
		if bad == ok {
			t.Fatalf("%s is not there", c.old)
		}
		if e, err := (Entry{}).follow(signed(bad)); err == nil {
			t.Errorf("%s: read as %+v", c.new, e)
		}
	}
	if _, err := (Entry{}).follow(bytes.ToUpper(signed(ok)[:64])); err == nil {
		t.Error("a hash in capitals was read")
	}
}

func signed(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return []byte(hex.EncodeToString(h[:]) + " " + text)
}

// TestTornTail cuts the last line at every byte: what is left is cut off and
// recorded, and the chain goes on; a line that lacks its newline is kept.
func TestTornTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	whole := write(t, path, 3)
	end := len(whole) - len(lines(whole)[2])
	for cut := end + 1; cut < len(whole); cut++ {
		replace(t, path, whole[:cut])
		write(t, path, 1)
		got := entries(t, path)
		kept := cut == len(whole)-1
		var tail torn
		at := 2
		if kept {
			at = 3
		}
		if len(got) != at+2 || got[at].Kind != Torn || got[at+1].Kind != Release {
			t.Fatalf("cut at %d: %d entries, %+v", cut, len(got), got[len(got)-1])
		}
		if err := json.Unmarshal(got[at].Body, &tail); err != nil || tail != (torn{cut - end, kept, hashOf(whole[end:cut])}) {
			t.Fatalf("cut at %d: %s, %v", cut, got[at].Body, err)
		}
	}
}

func TestUnwritable(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "missing", "ledger")); err == nil {
		t.Error("a ledger in a missing directory was opened")
	}
	path := filepath.Join(t.TempDir(), "ledger")
	write(t, path, 1)
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []any{1, "text", nil, []int{1}, func() {}} {
		if _, err := l.Append(Release, body); err == nil {
			t.Errorf("%v was taken for a body", body)
		}
	}
	for _, kind := range []string{"", "Release", "re lease", Torn, Sealed, Continued} {
		if _, err := l.Append(kind, struct{}{}); err == nil {
			t.Errorf("an entry of kind %q was written", kind)
		}
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(Release, struct{}{}); err == nil {
		t.Error("appended to a ledger that was moved away")
	}
	write(t, path, 1)
	if _, err := l.Append(Release, struct{}{}); err == nil {
		t.Error("appended to a ledger that was replaced")
	}
}

// TestDiskError: after the disk failed once nothing is appended, although it would work.
func TestDiskError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.sync = func(int) error { return unix.EIO }
	if _, err := l.Append(Release, struct{}{}); !errors.Is(err, unix.EIO) {
		t.Fatalf("an entry that is not on the disk: %v", err)
	}
	l.sync = unix.Fdatasync
	if _, err := l.Append(Release, struct{}{}); !errors.Is(err, unix.EIO) {
		t.Fatalf("appended after an error of the disk: %v", err)
	}
	write(t, path, 1) // opened anew
	entries(t, path)
}

func TestAppendAfter(t *testing.T) {
	l, err := Open(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		after int64
		moved bool
	}{{0, false}, {0, true}, {2, true}, {1, false}} {
		if _, err := l.AppendAfter(c.after, Grant, struct{}{}); errors.Is(err, ErrMoved) != c.moved || err != nil != c.moved {
			t.Errorf("after %d: %v", c.after, err)
		}
	}
}

// TestRotate has two processes' worth of handles go on through three rotations.
func TestRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	one, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	reader := &Reader{Path: path}
	var read []Entry
	follow := func() {
		t.Helper()
		if rest, err := reader.Each(func(e Entry) error { read = append(read, e); return nil }); err != nil || rest != 0 {
			t.Fatalf("%d bytes, %v", rest, err)
		}
	}
	add := func(l *Ledger) {
		t.Helper()
		if _, err := l.Append(Release, struct{}{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Rotate(); err == nil {
		t.Error("an empty ledger was archived")
	}
	add(one)
	follow()
	var early Checkpoint
	for i := range 3 {
		add(two)
		if archive, err := one.Rotate(); err != nil || archive != fmt.Sprintf("%s.%04d", path, i+1) {
			t.Fatalf("%s, %v", archive, err)
		}
		if i == 0 {
			tree, err := ReadTree(path)
			if err != nil {
				t.Fatal(err)
			}
			if early, err = tree.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			continue // two sees the second rotation without the first
		}
		add(one)
		follow()
	}
	add(two)
	follow()
	if all := entries(t, path); len(all) != len(read) || len(all) != 13 {
		t.Fatalf("%d entries, %d read as they came", len(all), len(read))
	}
	tree, err := ReadTree(path)
	if err != nil || tree.Check(early) != nil {
		t.Error("a checkpoint from before two rotations does not fit", err)
	}

	third := contents(t, path+".0003")
	for _, broken := range []struct {
		what string
		do   func() error
	}{
		{"an archive is missing", func() error { return os.Rename(path+".0002", path+".away") }},
		{"an archive is cut", func() error { return os.Truncate(path+".0002", 10) }},
		{"an archive lacks its seal", func() error {
			return os.WriteFile(path+".0002", bytes.Join(lines(contents(t, path+".0002"))[:1], nil), 0o600)
		}},
		{"an archive is another's copy", func() error { return os.WriteFile(path+".0002", third, 0o600) }},
		{"the first archive is missing", func() error { return os.Rename(path+".0001", path+".away") }},
	} {
		kept := map[string][]byte{}
		for _, n := range []string{".0001", ".0002"} {
			kept[path+n] = contents(t, path+n)
		}
		if err := broken.do(); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path, func(Entry) error { return nil }); err == nil {
			t.Error(broken.what + ": not found")
		}
		for p, b := range kept {
			replace(t, p, b)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("a ledger was begun anew beside its archives")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the missing file was put back")
	}
}

// TestRotationDies ends a rotation after each of its steps; the next process ends it.
func TestRotationDies(t *testing.T) {
	for _, step := range []string{"sealed", "next written", "linked"} {
		path := filepath.Join(t.TempDir(), "ledger")
		write(t, path, 2)
		l, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.locked(func() error { _, err := l.write(Sealed, []byte(`{"archive":"ledger.0001"}`)); return err }); err != nil {
			t.Fatal(err)
		}
		if step != "sealed" {
			replace(t, path+".next", []byte("half a line"))
		}
		if step == "linked" {
			if err := os.Link(path, path+".0001"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(entries(t, path)); n != 3 {
			t.Errorf("%s: %d entries before", step, n)
		}
		write(t, path, 1)
		if all := entries(t, path); len(all) != 5 || all[3].Kind != Continued || all[4].Kind != Release {
			t.Errorf("%s: %+v", step, all)
		}
		if len(contents(t, path+".0001")) == 0 {
			t.Errorf("%s: no archive", step)
		}
		l.Close()
	}
}

// FuzzRead reads files, and with sign files whose lines have the hashes of their
// texts, for a fuzzer guesses none.
func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "ledger")
	add := func(b []byte) {
		f.Add(b, false)
		var texts [][]byte
		for _, l := range lines(b) {
			_, text, _ := bytes.Cut(l, []byte(" "))
			texts = append(texts, text)
		}
		f.Add(bytes.Join(texts, nil), true)
	}
	add(write(f, path, 2))
	l, err := Open(path)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := l.Rotate(); err != nil {
		f.Fatal(err)
	}
	add(contents(f, path))
	f.Add([]byte("x {}\n"), false)
	f.Add([]byte(`{"seq":1,"time":"0001-01-01T00:00:00Z","prev":"`+nothing+`","kind":"a","body":{"a":[{}],"b":{"c":0}}}`+"\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, sign bool) {
		if texts := bytes.Split(b, []byte("\n")); sign {
			for i := range texts {
				texts[i] = signed(string(texts[i]))
			}
			b = bytes.Join(texts, []byte("\n"))
		}
		var again []byte
		rest, err := scan(section(b), "fuzz", 0, Entry{}, func(e Entry, _ int64) error {
			line, err := e.line()
			if err != nil {
				t.Errorf("an entry that cannot be written: %v", err)
			}
			if !json.Valid(e.Body) || !json.Valid(line[65:]) {
				t.Errorf("no JSON was read: %s", line)
			}
			again = append(again, line...)
			return nil
		})
		if !bytes.HasPrefix(b, again) || err == nil && len(again)+len(rest) != len(b) {
			t.Errorf("read\n%s\nand would write\n%s", b, again)
		}
		var tampered *TamperedError
		if err != nil && !errors.As(err, &tampered) {
			t.Errorf("an error that names no line: %v", err)
		}
	})
}

// FuzzBody: no object of a body that is accepted has a key twice, by encoding/json's
// own account of its tokens.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,{"c":null}]},"d":"e"}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"\\":1,"\"":["a:",{}]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := Entry{Seq: 1, Time: time.Unix(1e9, 0).UTC(), Prev: nothing, Kind: Release, Body: []byte(s)}
		_, err := parse(signed(e.head() + s + "}"))
		if canonical, bad := json.Marshal(e.Body); bad != nil || string(canonical) != s {
			if err == nil {
				t.Fatalf("%q was read", s)
			}
			return
		}
		if want := utf8.ValidString(s) && s[0] == '{' && !twice(json.NewDecoder(strings.NewReader(s))); want != (err == nil) {
			t.Errorf("%q: %v", s, err)
		}
	})
}

// twice says whether the value that d gives next has an object with a key twice.
func twice(d *json.Decoder) (is bool) {
	d.UseNumber()
	switch token, _ := d.Token(); token {
	case json.Delim('{'):
		keys := map[json.Token]bool{}
		for d.More() {
			key, _ := d.Token()
			is = keys[key] || is
			keys[key] = true
			is = twice(d) || is
		}
		d.Token()
	case json.Delim('['):
		for d.More() {
			is = twice(d) || is
		}
		d.Token()
	}
	return is
}

func BenchmarkAppend(b *testing.B) {
	l, err := Open(filepath.Join(b.TempDir(), "ledger"))
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Repeat("r", 700)
	for b.Loop() {
		if _, err := l.Append(Release, map[string]string{"text": body}); err != nil {
			b.Fatal(err)
		}
	}
}
