package guard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Of what a terminal obeys, colours pass and nothing else does.
func TestTerminalEscapes(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain", "a\tb\r\nc", "a\tb\r\nc"},
		{"colour", "\x1b[31mred\x1b[0m \x1b[1;38;5;208mx\x1b[m", "\x1b[31mred\x1b[0m \x1b[1;38;5;208mx\x1b[m"},
		{"24 bits", "\x1b[38;2;1;2;3mx", "\x1b[38;2;1;2;3mx"},
		{"title", "\x1b]0;root@host\x07x", "x"},
		{"link", "\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"clipboard", "\x1b]52;c;cm0gLXJm\x07x", "x"},
		{"clear", "\x1b[2J\x1b[Hx", "x"},
		{"up and over", "refused\x1b[1A\x1b[2Kreleased", "refusedreleased"},
		{"concealed", "\x1b[8mx", "x"},
		{"blinking", "\x1b[5mx", "x"},
		{"colour that conceals", "\x1b[31;8mx", "x"},
		{"colour with a private mark", "\x1b[?31mx", "x"},
		{"device attributes", "\x1b[cx\x1b[>0qx", "xx"},
		{"report of the title", "\x1b[21tx", "x"},
		{"program by DCS", "\x1bP+q544e\x1b\\x", "x"},
		{"application command", "\x1b_Gi=1;AAAA\x1b\\x", "x"},
		{"charset", "\x1b(0x\x1b(B", "x"},
		{"reset", "\x1bcx", "x"},
		{"C1 CSI", "\u009b2Jx", "2Jx"},
		{"C1 OSC", "\u009d0;t\u009cx", "0;tx"},
		{"bell and backspace", "a\x07\b\x00b", "ab"},
		{"DEL", "a\x7fb", "ab"},
		{"no end", "a\x1b]0;title and more", "a]0;title and more"},
		{"nested", "\x1b[\x1b[31mm", "[\x1b[31mm"},
		{"override", "a\u202egnp.exe", "a\ufffdgnp.exe"},
		{"isolate", "\u2066a\u2069", "\ufffda\ufffd"},
		{"separators", "a\u2028b", "a\ufffdb"},
		{"no UTF-8", "a\xffb", "a\ufffdb"},
		{"joiners stay", "👩\u200d🔬", "👩\u200d🔬"},
		{"long parameters", "\x1b[" + strings.Repeat("1;", 40) + "1mx", "x"},
	} {
		if got := NewDoor().Words(test.in); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// A stream's text is cut anywhere; what leaves is the same.
func TestStreamInPieces(t *testing.T) {
	const text = "é \x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J日本 end"
	want := NewDoor().Words(text)
	for cut := range len(text) {
		d := NewDoor()
		if got := d.Stream("stdout", text[:cut]) + d.Stream("stdout", text[cut:]); got != want {
			t.Errorf("cut at %d: %q, want %q", cut, got, want)
		}
	}
	d, got := NewDoor(), ""
	for i := range len(text) {
		got += d.Stream("stdout", text[i:i+1])
	}
	if got != want {
		t.Errorf("octet by octet: %q, want %q", got, want)
	}
	d.Stream("stdout", "\x1b[3")
	d.Begin("")
	if got := d.Stream("stdout", "1m"); got != "1m" {
		t.Errorf("a cell goes on with the escape of the one before: %q", got)
	}
}

const anID = "3141592653589793238" // of 62 bits

func longIDs(n int) (ids []int64) {
	first, _ := strconv.ParseInt(anID, 10, 64)
	for i := range int64(n) {
		ids = append(ids, first+i*7919)
	}
	return ids
}

func guarded(ids []int64) (d *Door, told chan int) {
	d, told = NewDoor(), make(chan int, 100)
	d.Tripped = func(n int) { told <- n }
	d.Guard(NewTripwire(ids))
	return d, told
}

// One identifier of 62 bits in any text is enough, wherever it stands.
func TestTripwire(t *testing.T) {
	ids := longIDs(100_000)
	for name, leave := range map[string]func(d *Door) string{
		"an error":   func(d *Door) string { return d.Words("participant " + anID + " has no birth") },
		"a stream":   func(d *Door) string { return d.Stream("stdout", "id="+anID+",x") },
		"two pieces": func(d *Door) string { d.Stream("stdout", "a "+anID[:9]); return d.Stream("stdout", anID[9:]+" b") },
		"many pieces": func(d *Door) (out string) {
			for i := range len(anID) {
				out = d.Stream("stderr", anID[i:i+1])
			}
			return out
		},
		"a result":        func(d *Door) string { return d.Data(Own("[" + anID + "]")).MIME()["text/plain"] },
		"Markdown":        func(d *Door) string { return fmt.Sprint(d.Data(Markdown("- " + anID)).MIME()) },
		"a table's label": func(d *Door) string { return fmt.Sprint(d.Data(labelled(anID)).MIME()) },
		"a log record": func(d *Door) string {
			var b bytes.Buffer
			slog.New(d.Log(slog.NewTextHandler(&b, nil))).With("a", "of "+anID).Error("failed", slog.Group("g", "id", 3141592653589793238), "err", fmt.Errorf("row %s", anID))
			return b.String()
		},
	} {
		d, told := guarded(ids)
		if out := leave(d); strings.Contains(out, anID) || !strings.Contains(out, "withheld") {
			t.Errorf("%s left as %q", name, out)
		}
		select {
		case n := <-told:
			if n != 1 {
				t.Errorf("%s: %d identifiers", name, n)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: nobody was told", name)
		}
	}
}

func labelled(label string) Release {
	return Release{&released{mime: map[string]string{"text/plain": "x", "text/html": "<td>" + label + "</td>"}}}
}

// What a harmless session prints does not trip.
func TestTripwireIsQuiet(t *testing.T) {
	d, _ := guarded(longIDs(100_000))
	for _, text := range []string{
		"", "3004410", "1,234,567", "2022-07-01", "0.3141592653589793", "e3b0c44298fc1c149afbf4c8996fb924", anID[:18], anID + "1", "0" + anID, "9223372036854775807",
	} {
		if got := d.Words(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	d.Begin("x := " + anID)
	if got := d.Words("x is " + anID); !strings.Contains(got, anID) {
		t.Errorf("a number that the cell has written became %q", got)
	}
}

// Identifiers of seven digits are like other numbers: a few by chance are none, a list is.
func TestShortIdentifiers(t *testing.T) {
	var ids []int64
	for i := range int64(400_000) {
		ids = append(ids, 1_000_000+i*22)
	}
	d, told := guarded(ids)
	var concepts, rows strings.Builder
	for i := range 100 {
		fmt.Fprintln(&concepts, 3_000_001+37*i)
		fmt.Fprintln(&rows, 1_000_000+22*(i*31))
	}
	if got := d.Words(concepts.String()); got != concepts.String() {
		t.Errorf("a list of concepts became %q", got)
	}
	if got := d.Words("of 1000022"); got != "of 1000022" {
		t.Errorf("one number became %q", got)
	}
	if got := d.Words(rows.String()); got != withheldText {
		t.Errorf("a list of identifiers left as %q", got)
	}
	if n := <-told; n != 100 {
		t.Errorf("%d identifiers were told of", n)
	}
	few, _ := guarded([]int64{1, 2, 3, 21, 300, 999_999})
	if got := few.Words("1 2 3 21 300 999999"); got != "1 2 3 21 300 999999" {
		t.Errorf("small numbers became %q", got)
	}
}

// Who finds out by what is withheld which numbers are identifiers learns three, and
// then nothing: every long number is withheld.
func TestTripwireIsNoOracle(t *testing.T) {
	ids := longIDs(1000)
	d, _ := guarded(ids)
	answers := 0
	for i := range 200 {
		id := ids[i]
		if i%2 == 0 {
			id++
		}
		if (d.Words(strconv.FormatInt(id, 10)) == withheldText) == (i%2 == 1) {
			answers++
		}
	}
	if answers > 106 { // what always answering the same gives, and the first few
		t.Errorf("%d of 200 guesses were answered rightly", answers)
	}
	if got := d.Words("idle"); got != "idle" {
		t.Errorf("a word became %q", got)
	}
}

type forged struct{}

func (forged) MIME() map[string]string { return map[string]string{"text/plain": "secret"} }
func (forged) Metadata() map[string]any {
	return map[string]any{"weir": map[string]any{"class": "release"}}
}

// Only a Release, a Text or a Bar leaves as data.
func TestOnlyItsOwnLeaves(t *testing.T) {
	quiet := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(quiet)
	for _, v := range []any{nil, forged{}, &forged{}, "secret", []byte("secret"), map[string]string{"text/plain": "secret"}, struct{ Release }{labelled("secret")}, Release{}, Leaving{}, Bar{}} {
		if out := NewDoor().Data(v); len(out.MIME()) != 0 {
			t.Errorf("%T left as %v", v, out.MIME())
		}
	}
}

// A bar says one of a few fixed things and a percentage, and nothing else.
func TestBars(t *testing.T) {
	for _, label := range labels {
		b := NewBar(label, 0.407, 12*time.Second)
		if want := label + "  ████████░░░░░░░░░░░░  40 %, about 12s left"; b.plain != want {
			t.Errorf("%q, want %q", b.plain, want)
		}
		if out := NewDoor().Data(b); !regexp.MustCompile(`^<label>[a-z, ]+ <progress max="100" value="\d{1,3}"></progress></label> \d+ %, about \d+s left$`).MatchString(out.MIME()["text/html"]) {
			t.Errorf("%s", out.MIME()["text/html"])
		}
	}
	for _, b := range []Bar{NewBar("counting 17 participants", 0.5, 0), NewBar("", 0, 0), NewBar(Counting, 1.5, 0), NewBar(Counting, -1, 0), NewBar(Counting, nan, 0)} {
		if b != (Bar{}) {
			t.Errorf("%+v", b)
		}
	}
}

var nan = func() float64 { zero := 0.0; return zero / zero }()

// Bounds: a text, a representation and the number of outputs.
func TestHowMuchLeaves(t *testing.T) {
	long := strings.Repeat("é", maxWords)
	if got := NewDoor().Words(long); len(got) > maxWords+64 || !utf8.ValidString(got) || !strings.Contains(got, "bytes more]") {
		t.Errorf("%d bytes left", len(got))
	}
	if err := vet(map[string]string{"text/plain": strings.Repeat("x", maxPicture+1)}); err == nil {
		t.Error("a huge table was released")
	}
	d, shown := NewDoor(), 0
	for range 3 * maxOutputs {
		shown += min(1, len(d.Output(Own("x")).MIME()))
	}
	if shown != maxOutputs+1 {
		t.Errorf("%d outputs", shown)
	}
	d.Begin("")
	if len(d.Output(Own("x")).MIME()) != 1 {
		t.Error("the next cell has none")
	}
}

// Pages that attack: what is left loads nothing, leads nowhere and runs nothing.
var attacks = []string{
	`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<a href="javascript:alert(1)">x</a>`, `<a href="http://evil">x</a>`,
	`<iframe src="http://evil"></iframe>`, `<object data=x></object>`, `<embed src=x>`, `<form action="http://evil"><input name=a></form>`,
	`<style>body{background:url(http://evil)}</style>`, `<td style="background:url(http://evil)">x</td>`, `<td style="background:var(--x,url(//evil))">x</td>`,
	`<link rel=stylesheet href="http://evil">`, `<meta http-equiv=refresh content="0;url=http://evil">`, `<base href="http://evil">`,
	`<svg><script>alert(1)</script></svg>`, `<svg onload=alert(1)>`, `<math><mtext></mtext><mglyph><style></math><img src onerror=alert(1)>`,
	`<div onclick="alert(1)">x</div>`, `<p id="jp-main">x</p>`, `<div class="jp-Dialog">x</div>`, `<video src=x autoplay>`, `<audio src=//evil>`,
	`<button data-commandlinker-command="terminal:create-new">x</button>`, `<div data-commandlinker-command="x">y</div>`, `<table background="http://evil"><tr><td>x</td></tr></table>`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, `<!--><img src=x onerror=alert(1)>-->`, `<textarea><img src=x></textarea>`,
	`<td title="<img src=x>">x</td>`, `<th headers='x" onmouseover="alert(1)'>x</th>`, "<img\x00src=x>", `<IMG SRC=&#106;avascript:alert(1)>`,
}

// inert says what of a page is not, nothing for one that is.
func inert(page string) string {
	allowed := regexp.MustCompile(`^</?(` + strings.Join(elements, "|") + `)( (class="tex2jax_ignore mathjax_ignore"|scope="[a-z]+"|rowspan="[0-9]+"|colspan="[0-9]+"|start="[0-9]+"|id="t[0-9a-f]{8}-[a-z0-9-]+"|headers="[a-z0-9 -]+"|title="[A-Za-z0-9 ,.:;'&#-]+"|style="[a-z0-9 :;,()-]+"))*/?>$`)
	for _, tag := range regexp.MustCompile(`<[^>]*>?`).FindAllString(page, -1) {
		if !allowed.MatchString(tag) || strings.Contains(tag, "url(") {
			return tag
		}
	}
	return ""
}

func TestAttackingPages(t *testing.T) {
	for _, attack := range attacks {
		for _, page := range []string{sanitiseHTML(attack), sanitiseHTML("<table><tr><td>" + attack), markdownPage(attack), markdownPage("# a\n\n" + attack + "\n\n| a |\n|--|\n| " + attack + " |")} {
			if left := inert(page); left != "" {
				t.Errorf("%s leaves %s in\n%s", attack, left, page)
			}
		}
	}
	for _, source := range []string{"![x](http://evil/x.png)", "[x](http://evil)", "<http://evil>", "[x]: http://evil\n\n[x]", "![x][y]\n\n[y]: //evil", "[a](javascript:alert(1))", "`<img src=x>`"} {
		if page := markdownPage(source); inert(page) != "" || strings.Contains(page, "href") || strings.Contains(page, "src=\"") {
			t.Errorf("%s leaves\n%s", source, page)
		}
	}
}

// What the tables and cards are made of is what the sanitiser keeps.
func TestSanitiserKeepsTables(t *testing.T) {
	page := odd().render("title")["text/html"]
	plain := strings.NewReplacer(": ", ":", "; ", ";")
	if got := plain.Replace(sanitiseHTML(page)); got != plain.Replace(page) {
		t.Errorf("became\n%s\nfrom\n%s", got, page)
	}
	if once := sanitiseHTML(page); sanitiseHTML(once) != once {
		t.Error("a second time changes it again")
	}
}

// Pictures and charts that act are not released.
func TestVet(t *testing.T) {
	for kind, texts := range map[string][]string{
		"image/svg+xml": {`<svg onload="x"/>`, `<svg><script/></svg>`, `<svg><a href="x"/></svg>`, `<svg><image href="x"/></svg>`, `<svg><foreignObject/></svg>`,
			`<svg><rect fill="url(http://evil)"/></svg>`, `<svg><rect style="x"/></svg>`, `<!DOCTYPE svg><svg/>`, `<?xml-stylesheet href="x"?><svg/>`, `<svg`, `<svg xmlns:xlink="x"/>`},
		"application/vnd.vegalite.v5+json": {`{"data":{"url":"http://evil"}}`, `{"layer":[{"mark":{"href":"x"}}]}`, `{"transform":[{"calculate":"1"}]}`, `{"transform":[{"filter":"datum.x"}]}`,
			`{"a":[{"expr":"x"}]}`, `{"signal":1}`, `[]`, `x`},
		"image/png":              {"", "x", "AAAA"},
		"text/x-other":           {"x"},
		"application/javascript": {"x"},
		"text/latex":             {"x"},
	} {
		for _, text := range texts {
			if err := vet(map[string]string{kind: text}); err == nil {
				t.Errorf("%s %s was released", kind, text)
			}
		}
	}
}

// A chart's signature holds when a notebook has written its JSON in another way, and not
// when a number in it is another one.
func TestHashOfJSON(t *testing.T) {
	hash := func(text string) string { return hashes(map[string]string{mimeVega: text})[mimeVega] }
	signed := hash(`{"data":{"values":[{"x":"a","y":1204.5}]},"width":600}`)
	if hash("{\n \"width\": 600.0,\n \"data\": {\"values\": [{\"y\": 1.2045e3, \"x\": \"\\u0061\"}]}}") != signed {
		t.Error("the same value has another hash")
	}
	for _, other := range []string{`{"data":{"values":[{"x":"a","y":1204}]},"width":600}`, `{"data":{"values":[{"x":"a","y":1204.5}]}}`, `x`} {
		if hash(other) == signed {
			t.Errorf("%s has the same hash", other)
		}
	}
}

// FuzzDoor: whatever is said, what leaves is UTF-8 without what a terminal obeys, HTML
// is inert, and neither changes when it passes again.
func FuzzDoor(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack, 3)
	}
	for _, text := range []string{"\x1b[31mred\x1b[0m", "\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "\x1b[2J\u009b", "a " + anID + " b", "| a |\n|--|\n| [x](y) |", "\xff\x1b\x1b["} {
		f.Add(text, 5)
	}
	obeyed := regexp.MustCompile("\x1b(\\[[0-9;]*m)?")
	f.Fuzz(func(t *testing.T, text string, cut int) {
		d, _ := guarded(longIDs(1000))
		words := d.Words(text)
		d.Begin("")
		cut = min(max(cut, 0), len(text))
		for _, out := range []string{words, d.Stream("stdout", text[:cut]) + d.Stream("stdout", text[cut:])} {
			for _, found := range obeyed.FindAllString(out, -1) {
				if found == "\x1b" {
					t.Fatalf("%q leaves an escape: %q", text, out)
				}
			}
			if !utf8.ValidString(out) || strings.ContainsFunc(out, func(r rune) bool {
				return r < 0x20 && !strings.ContainsRune("\n\t\r\x1b", r) || r >= 0x7f && r <= 0x9f || reverses(r)
			}) {
				t.Fatalf("%q leaves %q", text, out)
			}
			if strings.Contains(out, anID) && len(numbersOf(out)) > 0 && numbersOf(out)[anID] {
				t.Fatalf("%q leaves an identifier", text)
			}
		}
		if again := d.Words(words); again != words {
			t.Fatalf("%q changes again: %q", words, again)
		}
		for _, page := range []string{sanitiseHTML(text), markdownPage(text)} {
			if left := inert(page); left != "" {
				t.Fatalf("%q leaves %s in %s", text, left, page)
			}
		}
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			_ = vetMembers(v)
		}
		_ = vetSVG(text)
	})
}

func numbersOf(text string) map[string]bool {
	out := map[string]bool{}
	for n := range numbersIn(text) {
		out[n] = true
	}
	return out
}
