package install

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// Verb is what an Action does.
type Verb string

const (
	Make    Verb = "make"    // make the directory Path
	Write   Verb = "write"   // write the file Path, in one step
	Move    Verb = "move"    // rename From to Path, where nothing lies
	Discard Verb = "discard" // remove Path and everything in it, if it is there
	Prune   Verb = "prune"   // remove the directory Path if it is empty
)

// Action is one step.
type Action struct {
	Do     Verb   `json:"do"`
	Path   string `json:"path"`
	From   string `json:"from,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Why    string `json:"why,omitempty"`

	content []byte
	mode    fs.FileMode
}

func (a Action) String() string {
	s := fmt.Sprintf("%-8s", a.Do)
	if a.From != "" {
		s += a.From + " to "
	}
	s += a.Path
	if a.Why != "" {
		s += " (" + a.Why + ")"
	}
	return s
}

// Actions are the steps of an installation or a removal, in order. They are
// printed by String and encoded as JSON, {"spec", "actions", "warnings"}.
type Actions struct {
	Spec     string // the directory of the kernelspec
	Steps    []Action
	Warnings []string // shown, whether or not the steps are carried out
}

// String is one line a step, then one a warning.
func (a *Actions) String() string {
	var b strings.Builder
	for _, step := range a.Steps {
		fmt.Fprintln(&b, step)
	}
	if len(a.Steps) == 0 {
		fmt.Fprintf(&b, "nothing to do for %s\n", a.Spec)
	}
	for _, w := range a.Warnings {
		fmt.Fprintln(&b, "warning:", w)
	}
	return b.String()
}

// MarshalJSON implements json.Marshaler. Both lists are there even when empty.
func (a *Actions) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Spec     string   `json:"spec"`
		Steps    []Action `json:"actions"`
		Warnings []string `json:"warnings"`
	}{a.Spec, append([]Action{}, a.Steps...), append([]string{}, a.Warnings...)})
}

func (a *Actions) make(path string) { a.add(Action{Do: Make, Path: path}) }
func (a *Actions) move(from, path, why string) {
	a.add(Action{Do: Move, From: from, Path: path, Why: why})
}
func (a *Actions) discard(path, why string) { a.add(Action{Do: Discard, Path: path, Why: why}) }
func (a *Actions) prune(path string)        { a.add(Action{Do: Prune, Path: path, Why: "if empty"}) }
func (a *Actions) add(step Action)          { a.Steps = append(a.Steps, step) }
func (a *Actions) write(path string, c []byte) {
	mode := fs.FileMode(0o644)
	if bytes.HasPrefix(c, []byte("#!")) {
		mode = 0o755
	}
	a.add(Action{Do: Write, Path: path, SHA256: digest(c)[len("sha256:"):], content: c, mode: mode})
}
