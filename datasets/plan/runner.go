package plan

import "errors"

// Runner carries a plan to where it can be run. Run answers with released
// numbers; Show displays what the plan stands for and answers when that is done.
type Runner interface {
	Run(*Node) (*Result, error)
	Show(*Node) error
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
