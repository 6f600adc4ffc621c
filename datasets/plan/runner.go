package plan

import "errors"

// Runner carries a plan to where it can be run. Run answers with released
// numbers; Show displays what the plan stands for and answers when that is done.
type Runner interface {
	Run(*Node) (*Result, error)
	Show(*Node) error
}

// Teller is a Runner that takes words and values of a cell's own, too.
type Teller interface {
	// Tell displays Markdown.
	Tell(markdown string) error
	// Display displays values as the last expression of a cell is displayed.
	Display(values []any) error
}

var runner Runner

// Connect names the runner of this process. Without one, Run and Show fail.
func Connect(r Runner) { runner = r }

var errNoRunner = errors.New("plans cannot be run here")

// Run runs n.
func Run(n *Node) (*Result, error) {
	if runner == nil {
		return nil, errNoRunner
	}
	return runner.Run(n)
}

// Show displays n.
func Show(n *Node) error {
	if runner == nil {
		return errNoRunner
	}
	return runner.Show(n)
}

// Tell displays Markdown.
func Tell(markdown string) error {
	if t, ok := runner.(Teller); ok {
		return t.Tell(markdown)
	}
	return errNoRunner
}

// Display displays values.
func Display(values []any) error {
	if t, ok := runner.(Teller); ok {
		return t.Display(values)
	}
	return errNoRunner
}
