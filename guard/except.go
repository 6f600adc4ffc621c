package guard

import (
	"context"
	"fmt"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/ledger"
	"weir/guard/review"
)

// Except releases the answer to a plan of a table with nothing hidden, because two
// reviewers granted it: the one way around the rules. A table in another order is
// released in its own. Labels that only the data knows and that few participants
// have are left out all the same, and rows of participants are never released.
func (g *Guard) Except(ctx context.Context, n *plan.Node, t *tally.Table, granted review.Granted) (Release, error) {
	if !granted.Covers(n.ID().String()) {
		return Release{}, &plan.Refusal{Rule: "an exception takes the grants of two reviewers", Reason: "the output is not one that they granted", Way: "weir ledger request"}
	}
	x := *g
	x.excepted, x.history = true, nil // its audit has no word for a small count that is known
	of := Ordered(n)
	p, err := x.unprotected(ctx, of, t)
	if err != nil {
		return Release{}, err
	}
	p.certificate, p.uncertified = nil, "an exception, in which nothing is hidden"
	p.notes = []string{fmt.Sprintf("Nothing is hidden: an exception, by request %d of the ledger.", granted.Request())}
	r := &released{title: titleOf(of), mime: p.render(titleOf(of)), result: p.result(t), table: p}
	return x.recordWith(ledger.Exception, n, p.detail(), r, map[string]any{"of_request": granted.Request(), "excepts": granted.Output()})
}

func (g *Guard) unprotected(ctx context.Context, n *plan.Node, t *tally.Table) (*protected, error) {
	if n.Op() == "Attrition" {
		return g.attrition(ctx, n, t)
	}
	return g.groups(ctx, n, t)
}

// Ordered is the table that a plan shows in another order, or the plan.
func Ordered(n *plan.Node) *plan.Node {
	for n.Op() == "SortBy" || n.Op() == "SortByCount" || n.Op() == "Top" {
		n = n.Recv()
	}
	return n
}
