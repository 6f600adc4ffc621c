package install

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// Plan says what installing would do. It has no steps when the same spec is
// installed already. A spec of somebody else is kept, and put back by uninstall.
func Plan(o Options) (*Actions, error) {
	o = o.withDefaults()
	if err := o.checkName(); err != nil {
		return nil, err
	}
	if err := o.checkBinary(); err != nil {
		return nil, err
	}
	p, err := o.place()
	if err != nil {
		return nil, err
	}
	return o.planInstallation(p, o.warnings(p), o.files)
}

// planInstallation says what putting files at a place would do.
func (o Options) planInstallation(p place, warnings []string, files func() (map[string][]byte, error)) (*Actions, error) {
	s, err := look(p)
	if err != nil {
		return nil, err
	}
	if err := s.unchanged(); err != nil && !o.Force {
		return nil, err
	}
	if s.receipt == nil && s.replaced != nil {
		return nil, fmt.Errorf("install: %s holds a directory whose receipt is gone; move it away first", p.replaced())
	}
	list, err := files()
	if err != nil {
		return nil, err
	}
	a := &Actions{Spec: p.spec, Warnings: warnings}
	return a, a.install(s, list)
}

func (a *Actions) install(s survey, files map[string][]byte) error {
	ours := s.receipt != nil && !s.untouched()
	if ours && len(s.leftovers) == 0 && s.spec.equal(written(files)) && s.receipt.Files.equal(s.spec) {
		return nil
	}
	receipt, err := encode(s.newReceipt(ours, files))
	if err != nil {
		return err
	}
	for _, d := range s.leftovers {
		a.discard(d, "left by an installation that was cut off")
	}
	for _, d := range s.missing() {
		a.make(d)
	}
	incoming := filepath.Join(s.incoming(), "spec")
	a.make(s.incoming())
	a.make(incoming)
	names := slices.Sorted(maps.Keys(files))
	for _, d := range directories(names) {
		a.make(filepath.Join(incoming, d))
	}
	for _, name := range names {
		a.write(filepath.Join(incoming, name), files[name])
	}
	a.write(s.place.receipt(), receipt)
	a.takeAway(s, ours)
	a.move(incoming, s.place.spec, "")
	a.discard(s.incoming(), "")
	if ours {
		a.discard(s.outgoing(), "")
	}
	return nil
}

// takeAway clears the spec's place.
func (a *Actions) takeAway(s survey, ours bool) {
	switch {
	case s.spec == nil:
	case ours:
		a.make(s.outgoing())
		a.move(s.place.spec, filepath.Join(s.outgoing(), "spec"), "weir's own, from before")
	default:
		a.move(s.place.spec, s.place.replaced(), "kept: uninstall puts it back")
	}
}

func (s survey) newReceipt(ours bool, files map[string][]byte) receipt {
	r := receipt{Receipt: 1, Spec: s.place.spec, Files: written(files), Before: s.spec}
	if ours {
		r.Before = s.receipt.Before
	}
	r.Made = append(s.missing(), s.madeBefore()...)
	slices.Sort(r.Made)
	r.Made = slices.Compact(r.Made)
	return r
}
