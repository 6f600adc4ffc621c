package exec

import (
	"reflect"
	"runtime"
	"time"

	"golang.org/x/tools/go/ssa"
)

// Goroutines of a notebook run one at a time, under shared.lock: a data race of
// the program cannot break the process, and a panic in a goroutine is caught.
// Whatever may block lets go of the lock.

func (m *machine) goroutines() int { return int(m.count.Load()) }

// acquire waits for this goroutine's turn.
func (m *machine) acquire() {
	m.lock.Lock()
	m.current = m
}

// yield lets another goroutine run.
func (m *machine) yield() {
	m.lock.Unlock()
	runtime.Gosched()
	m.acquire()
}

// unlocked runs f, which may take its time, while others run.
func (m *machine) unlocked(f func()) {
	m.lock.Unlock()
	defer m.acquire()
	f()
}

// spawn starts a goroutine.
func (m *machine) spawn(p prepared) {
	g := newMachine(m.shared)
	m.count.Add(1)
	m.running++
	go func() {
		g.acquire()
		defer func() {
			if r := recover(); r != nil {
				g.crashed(r)
			}
			g.running--
			g.progress++
			g.count.Add(-1)
			g.lock.Unlock()
		}()
		g.do(p, nil)
	}()
}

// crashed ends the program for a panic that a goroutine did not recover.
func (m *machine) crashed(r any) {
	if p := m.caught(r); !p.halted {
		m.end(p)
	}
}

func (m *machine) end(p *Panic) {
	m.crash.CompareAndSwap(nil, p)
	m.x.Stop()
}

// All goroutines must have been blocked so often in a row, after so long each time, to be
// called asleep: on a busy machine one that can go on may not have done so for 100 ms.
const (
	deadlockAfter = 50 * time.Millisecond
	deadlockLooks = 20
)

// wait blocks until one of the cases can go on, and does it.
func (m *machine) wait(cases []reflect.SelectCase) (int, reflect.Value, bool) {
	stop := *m.stopped.Load()
	all := append([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(stop)}}, cases...)
	m.running--
	defer func() { m.running++; m.progress++ }()
	var i int
	var v reflect.Value
	var ok bool
	if m == m.main {
		i, v, ok = m.watch(all)
	} else {
		m.unlocked(func() { i, v, ok = reflect.Select(all) })
	}
	if i == 0 {
		m.halt()
	}
	return i - 1, v, ok
}

// watch waits like reflect.Select and ends the program when nothing can go on.
func (m *machine) watch(all []reflect.SelectCase) (i int, v reflect.Value, ok bool) {
	idle, seen := 0, m.progress
	for {
		timer := time.NewTimer(deadlockAfter)
		m.unlocked(func() {
			i, v, ok = reflect.Select(append(all, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(timer.C)}))
		})
		timer.Stop()
		if i < len(all) {
			return i, v, ok
		}
		if m.running > 0 || m.timers || m.progress != seen {
			idle, seen = 0, m.progress
			continue
		}
		if idle++; idle == deadlockLooks {
			m.die(&Panic{Value: plainError(errDeadlock.Error()), Fatal: true})
		}
	}
}

func (c *compiler) makeChan(in *ssa.MakeChan) func(*frame) {
	r, i, at := c.x.rtype(in.Type()), c.reg(in).i, in.Pos()
	n := c.num(in.Size)
	return func(fr *frame) {
		n := n(fr)
		if n < 0 || n > 1<<30 {
			fr.throw(at, plainError("makechan: size out of range"))
		}
		ch := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, r.real().Elem()), int(n))
		fr.a[i] = ch.Convert(r.real()).Interface()
	}
}

func (c *compiler) send(in *ssa.Send) func(*frame) {
	ch, v, at := c.ref(in.Chan), c.value(in.X), in.Pos()
	r := c.x.rtype(in.X.Type())
	return func(fr *frame) {
		fr.at = at
		ch, v := reflect.ValueOf(ch(fr)), fr.m.chanElem(r, v(fr))
		if ch.IsNil() {
			fr.m.wait(nil)
		}
		v = convertElem(v, ch)
		if !ch.TrySend(v) {
			fr.m.wait([]reflect.SelectCase{{Dir: reflect.SelectSend, Chan: ch, Send: v}})
		}
	}
}

// chanElem is a value as it is sent.
func (m *machine) chanElem(r *rtype, a any) reflect.Value { return r.cell(a) }

// convertElem makes a value of the channel's element type: Send wants no less.
func convertElem(v, ch reflect.Value) reflect.Value {
	t := ch.Type().Elem()
	if v.Type() == t {
		return v
	}
	e := reflect.New(t).Elem()
	e.Set(v)
	return e
}

func (c *compiler) receive(in *ssa.UnOp) func(*frame) {
	ch, at := c.ref(in.X), in.Pos()
	t := in.Type()
	var set func(*frame, any)
	ok := -1
	if in.CommaOk {
		regs := c.tuple(in)
		t = elemOf(in.X)
		set, ok = c.regSetter(regs[0], c.x.rtype(t)), regs[1].i
	} else {
		set = c.setter(in)
	}
	r := c.x.rtype(t)
	zero := c.x.zeroOf(r)
	return func(fr *frame) {
		fr.at = at
		ch := reflect.ValueOf(ch(fr))
		if ch.IsNil() {
			fr.m.wait(nil)
		}
		v, has := ch.TryRecv()
		if !v.IsValid() {
			_, v, has = fr.m.wait([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: ch}})
		}
		if has {
			set(fr, r.load(v))
		} else {
			set(fr, zero)
		}
		if ok >= 0 {
			fr.n[ok] = b2i(has)
		}
	}
}

func (c *compiler) closeChan(in *ssa.Call) func(*frame) {
	ch, at := c.ref(in.Call.Args[0]), in.Pos()
	return func(fr *frame) {
		fr.at = at
		fr.m.close(ch(fr))
	}
}

func (m *machine) close(ch any) { reflect.ValueOf(ch).Close() }

// selects compiles a select statement: the chosen case, whether a value was
// received, and what each receiving case received.
func (c *compiler) selects(in *ssa.Select) func(*frame) {
	type state struct {
		ch, val func(*frame) any
		elem    *rtype
		set     func(*frame, any)
		zero    any
	}
	regs := c.tuple(in)
	states := make([]state, len(in.States))
	next := 2
	for i, s := range in.States {
		st := state{ch: c.ref(s.Chan), elem: c.x.rtype(elemOf(s.Chan))}
		if s.Send != nil {
			st.val = c.value(s.Send)
		} else {
			st.set, st.zero = c.regSetter(regs[next], st.elem), c.x.zeroOf(st.elem)
			next++
		}
		states[i] = st
	}
	at, index, ok := in.Pos(), regs[0].i, regs[1].i
	return func(fr *frame) {
		fr.at = at
		cases := make([]reflect.SelectCase, len(states), len(states)+1)
		for i, s := range states {
			ch := reflect.ValueOf(s.ch(fr))
			cases[i] = reflect.SelectCase{Dir: reflect.SelectRecv}
			if !ch.IsNil() {
				cases[i].Chan = ch
			}
			if s.val != nil {
				cases[i].Dir = reflect.SelectSend
				if v := s.elem.cell(s.val(fr)); !ch.IsNil() {
					cases[i].Send = convertElem(v, ch)
				}
			}
		}
		chosen, v, has := reflect.Select(append(cases, reflect.SelectCase{Dir: reflect.SelectDefault}))
		if chosen == len(cases) {
			chosen = -1
			if in.Blocking {
				chosen, v, has = fr.m.wait(cases)
			}
		}
		fr.n[index], fr.n[ok] = int64(chosen), b2i(has)
		for i, s := range states {
			if s.set == nil {
				continue
			}
			if i == chosen && has {
				s.set(fr, s.elem.load(v))
			} else {
				s.set(fr, s.zero)
			}
		}
	}
}
