package install

import (
	"fmt"
	"path/filepath"
	"slices"
)

// PlanUninstall says what removing would do. It has no steps when nothing is
// installed, and refuses a spec that weir did not write.
func PlanUninstall(o Options) (*Actions, error) {
	o = o.withDefaults()
	if err := o.checkName(); err != nil {
		return nil, err
	}
	p, err := o.place()
	if err != nil {
		return nil, err
	}
	return o.planRemoval(p)
}

func (o Options) planRemoval(p place) (*Actions, error) {
	s, err := look(p)
	if err != nil {
		return nil, err
	}
	if err := s.unchanged(); err != nil && !o.Force {
		return nil, err
	}
	if s.receipt == nil && s.spec != nil {
		return nil, fmt.Errorf("install: weir did not write %s; remove it by hand (a kernelspec: jupyter kernelspec remove %s)", p.spec, filepath.Base(p.spec))
	}
	a := &Actions{Spec: p.spec}
	a.uninstall(s)
	return a, nil
}

func (a *Actions) uninstall(s survey) {
	for _, d := range s.leftovers {
		a.discard(d, "left by an installation that was cut off")
	}
	if s.receipt == nil {
		return
	}
	if s.spec != nil && !s.untouched() {
		a.make(s.outgoing())
		a.move(s.place.spec, filepath.Join(s.outgoing(), "spec"), "weir's own")
	}
	if s.replaced != nil {
		a.move(s.place.replaced(), s.place.spec, "what stood there before weir")
	}
	a.discard(s.outgoing(), "")
	a.discard(s.place.receipt(), "")
	made := slices.Clone(s.receipt.Made)
	slices.SortStableFunc(made, func(a, b string) int { return len(b) - len(a) })
	for _, d := range made {
		a.prune(d)
	}
}
