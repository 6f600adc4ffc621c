package kernel

import (
	"encoding/json"
	"os"
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
