package kernel

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// scenes is what lab.py saw.
type scenes struct {
	Progress struct {
		Seen            string
		Left            int `json:"bars_left"`
		Outputs, Tables int
	}
	Interrupt struct {
		Busy       bool `json:"busy_meanwhile"`
		Seen, Kept string
	}
	Errors struct {
		Panic, Compile string
		Red            int
	}
	Console struct{ Offered []string }
	Restart struct{ Forgotten, Again string }
}

// In JupyterLab people see how far long work is and nothing of it afterwards, can
// interrupt and restart, find what they ran, and read where an error is. Pictures of
// it are kept in artefacts, with LONG set in both themes.
func TestLab(t *testing.T) {
	t.Parallel() // with what waits, too, and measures nothing
	themes := []string{"light"}
	if os.Getenv("LONG") != "" {
		themes = append(themes, "dark")
	}
	for _, theme := range themes {
		t.Run(theme, func(t *testing.T) {
			var s scenes
			lab(t, &s, "work", theme)
			s.check(t)
		})
	}
}

// drawn is a chart as lab.py saw it.
type drawn struct {
	Vega, Marks, Menus, Errors int
	Texts, Alt                 []string
}

// Results are shown under a strict content security policy as they are meant: tables and
// refusals that can be read in both themes, charts by Vega-Lite with hidden numbers and
// a text in their place, Markdown that leads nowhere.
func TestLabShows(t *testing.T) {
	t.Parallel()
	themes := []string{"dark"}
	if os.Getenv("LONG") != "" {
		themes = append(themes, "light")
	}
	for _, theme := range themes {
		t.Run(theme, func(t *testing.T) {
			var s struct {
				Table struct {
					Hidden   int
					Captions []string
					Contrast float64
				}
				Charts  map[string]drawn
				Refusal struct {
					Says     string
					Terms    []string
					Tables   int
					Contrast float64
				}
				Words struct {
					Headings      []string
					Links, Tables int
					Says, Policy  string
				}
			}
			lab(t, &s, "show", theme)
			const legible = 4.5 // WCAG 2.2, 1.4.3, level AA
			if s.Table.Hidden == 0 || len(s.Table.Captions) != 1 || s.Table.Contrast < legible {
				t.Errorf("table: %+v", s.Table)
			}
			for name, says := range map[string]string{"bars": "Bar chart", "heat": "Heat map", "box": "Box plot", "histogram": "Histogram", "survival": "Survival curve", "forest": "Forest plot"} {
				c := s.Charts[name]
				if c.Vega != 1 || c.Marks < 20 || c.Menus != 0 || c.Errors != 0 || len(c.Alt) != 1 || !strings.HasPrefix(c.Alt[0], says) {
					t.Errorf("%s: %+v", name, c)
				}
			}
			if bars := s.Charts["bars"]; !slices.Contains(bars.Texts, "hidden") || !strings.Contains(strings.Join(bars.Alt, ""), "numbers are hidden") {
				t.Errorf("hidden bars: %+v", bars)
			}
			if r := s.Refusal; !strings.Contains(r.Says, "Refused: rows of participants") || !slices.Equal(r.Terms, []string{"Rule", "Instead"}) || r.Tables != 2 ||
				!strings.Contains(r.Says, "Synthetic rows") || !strings.Contains(r.Says, "of no participant") || r.Contrast < legible {
				t.Errorf("refusal: %+v", r)
			}
			if w := s.Words; !slices.Equal(w.Headings, []string{"A heading"}) || w.Links != 0 || w.Tables != 1 || !strings.Contains(w.Says, "no link") || !strings.Contains(w.Policy, "1 to 20 participants") {
				t.Errorf("words: %+v", w)
			}
		})
	}
}

// Without the extension that draws Vega-Lite, and under the same policy, JupyterLab
// shows a chart's SVG.
func TestLabPlain(t *testing.T) {
	t.Parallel()
	themes := []string{"dark"}
	if os.Getenv("LONG") != "" {
		themes = append(themes, "light")
	}
	for _, theme := range themes {
		var s struct {
			Picture struct {
				Vega, Loaded, Marks int
				Type                string
			}
		}
		lab(t, &s, "plain", theme)
		if p := s.Picture; p.Vega != 0 || p.Loaded < 500 || p.Marks < 8 || p.Type != "data:image/svg+xml" {
			t.Errorf("%s: %+v", theme, p)
		}
	}
}

// While a cell runs, JupyterLab completes and explains.
func TestLabWhileACellRuns(t *testing.T) {
	t.Parallel()
	var s struct {
		Complete struct {
			Proposed []string
			Taken    string
		}
		Inspect struct {
			Told string
			Busy bool `json:"busy_meanwhile"`
		}
		Page struct{ Seen string }
	}
	lab(t, &s, "help", "light")
	if got := strings.Join(s.Complete.Proposed, " "); !strings.HasPrefix(got, "Sprint ") || !strings.Contains(got, "Sprintf") || s.Complete.Taken != "fmt.Sprint" {
		t.Errorf("completion: %+v", s.Complete)
	}
	if !strings.Contains(s.Inspect.Told, "Println formats using") || !s.Inspect.Busy {
		t.Errorf("inspection: %+v", s.Inspect)
	}
	if !strings.Contains(s.Page.Seen, "aggregates over more than 20 participants") {
		t.Errorf("page: %q", s.Page.Seen)
	}
}

// lab decodes into seen what lab.py saw.
func lab(t *testing.T, seen any, what, theme string) {
	t.Helper()
	outsider(t, "WEIR_CHROMIUM", "Chromium")
	if err := os.MkdirAll("../artefacts", 0o755); err != nil {
		t.Fatal(err)
	}
	out, errs, err := jupyter(t, "lab.py", what, "../artefacts", theme)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	if err := json.Unmarshal(out, seen); err != nil {
		t.Fatal(err)
	}
}

func (s scenes) check(t *testing.T) {
	if !strings.Contains(s.Progress.Seen, "making the synthetic repository") || !strings.Contains(s.Progress.Seen, "%") {
		t.Errorf("progress shows %q", s.Progress.Seen)
	}
	if s.Progress.Left != 0 || s.Progress.Outputs != 1 || s.Progress.Tables != 1 {
		t.Errorf("after progress there are %d bars, %d outputs, %d tables", s.Progress.Left, s.Progress.Outputs, s.Progress.Tables)
	}
	if !s.Interrupt.Busy || !strings.HasPrefix(s.Interrupt.Seen, "Interrupted") || s.Interrupt.Kept != "42" {
		t.Errorf("interrupt: %+v", s.Interrupt)
	}
	if e := s.Errors; !strings.Contains(e.Panic, "5\n") || !strings.Contains(e.Panic, "cell 5, line 3") || !strings.Contains(e.Panic, "integer divide by zero") || e.Red == 0 ||
		!strings.Contains(e.Compile, "mismatched types") || !strings.Contains(e.Compile, "undefined: missing") {
		t.Errorf("errors: %+v", e)
	}
	if o := s.Console.Offered; len(o) != 2 || !strings.HasPrefix(o[0], "wrong :=") || !strings.HasPrefix(o[1], "half :=") {
		t.Errorf("a console offers %q", o)
	}
	if !strings.Contains(s.Restart.Forgotten, "undefined: kept") || s.Restart.Again != "42" {
		t.Errorf("restart: %+v", s.Restart)
	}
}
