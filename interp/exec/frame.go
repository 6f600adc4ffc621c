package exec

import (
	"go/token"
	"sync"
	"sync/atomic"

	"golang.org/x/tools/go/ssa"
)

// code is a compiled function.
type code struct {
	fn      *ssa.Function
	name    string // as tracebacks call it
	begins  token.Pos
	size    [3]int // registers of each bank
	params  []reg
	free    []reg // of captured variables
	blocks  []block
	recover int // block that runs after a recovered panic, or -1
	defers  bool
	late    bool // deferred calls are run behind the return: go/ssa has no instruction for it
	named   bool // its results have names
	results []*rtype
}

type block struct {
	instrs []func(*frame)
	next   func(*frame) int // the block that follows, or -1
}

type reg struct {
	bank bank
	i    int
}

// Func is a function value: compiled code and what it captured, or a host function.
type Func struct {
	slot *slot
	free []any
	host *hostFunc
}

// frame is a function that runs.
type frame struct {
	n      []int64
	s      []string
	a      []any
	m      *machine
	caller *frame
	code   *code
	at     token.Pos // the call or the failing operation that was reached last
	base   [3]int    // of the registers, in the machine's stacks

	defers    *deferred
	panicking *Panic
	deferOf   *frame // the frame whose deferred call this is
}

// deferred is a linked stack of deferred calls.
type deferred struct {
	call func(fr *frame)
	next *deferred
}

// machine runs one goroutine of the program.
type machine struct {
	*shared
	n      []int64
	s      []string
	a      []any
	top    [3]int
	frames []*frame
	depth  int
	cur    *frame
	fuel   int
	dead   *Panic // what the program dies of

	rn [maxResults]int64 // results of the function that returned last
	rs [maxResults]string
	ra [maxResults]any
}

const maxResults = 32

// shared is what all goroutines of a notebook share.
type shared struct {
	x    *Executor
	lock sync.Mutex // held by the goroutine that runs

	stopMu  sync.Mutex
	stop    atomic.Bool
	stopped atomic.Pointer[chan struct{}] // closed when stop is set
	crash   atomic.Pointer[Panic]         // of a goroutine
	count   atomic.Int64                  // goroutines

	// Guarded by lock:
	main     *machine // that runs the cell
	current  *machine // that holds the lock
	running  int      // goroutines that are not blocked
	progress int      // grows when one goes on
	timers   bool     // the host may wake a blocked goroutine
	live     int64    // bytes that the last collection of room left
}

// maxDepth is how deep calls may nest: what the process's stack limit holds.
const maxDepth = 40_000

// fuelStep is how many calls and loops pass between two looks at whether to stop.
const fuelStep = 2000

// firstStack is how many registers of bank refs a machine begins with.
const firstStack = 1024

func newMachine(s *shared) *machine {
	return &machine{shared: s, n: make([]int64, firstStack), s: make([]string, firstStack/4), a: make([]any, firstStack), fuel: fuelStep}
}

// push makes a frame for a call of c.
func (m *machine) push(c *code) *frame {
	if m.depth >= maxDepth {
		m.overflow()
	}
	if m.depth == len(m.frames) {
		m.frames = append(m.frames, &frame{m: m})
	}
	fr := m.frames[m.depth]
	m.depth++
	fr.base = m.top
	fr.n, m.n, m.top[nums] = window(m.n, m.top[nums], c.size[nums])
	fr.s, m.s, m.top[strs] = window(m.s, m.top[strs], c.size[strs])
	fr.a, m.a, m.top[refs] = window(m.a, m.top[refs], c.size[refs])
	fr.code, fr.at = c, c.begins
	fr.caller = m.cur
	fr.defers, fr.panicking, fr.deferOf = nil, nil, nil
	return fr
}

// window is the next n registers of a stack. When the stack is full a larger one
// takes its place; frames that run keep their part of the old one.
func window[T any](stack []T, top, n int) (w, grown []T, newTop int) {
	if top+n > len(stack) {
		stack = make([]T, max(2*len(stack), top+n))
	}
	return stack[top : top+n : top+n], stack, top + n
}

// pop ends the frame and lets go of what it held.
func (m *machine) pop(fr *frame) {
	clear(fr.s)
	clear(fr.a)
	m.top = fr.base
	m.cur = fr.caller
	m.depth--
}

// enter runs the frame's function to its end.
func (m *machine) enter(fr *frame) {
	m.cur = fr
	if m.fuel--; m.fuel < 0 {
		m.checkpoint()
	}
	if fr.code.defers {
		m.runDeferring(fr)
		return
	}
	m.loop(fr, 0)
}

func (m *machine) loop(fr *frame, next int) {
	blocks := fr.code.blocks
	for next >= 0 {
		b := &blocks[next]
		for _, in := range b.instrs {
			in(fr)
		}
		next = b.next(fr)
	}
}

// runDeferring runs a function that defers or recovers.
func (m *machine) runDeferring(fr *frame) {
	if p := m.try(fr); p != nil {
		fr.panicking = p
		m.unwind(fr)
		m.runDefers(fr)
		if fr.code.recover >= 0 {
			m.loop(fr, fr.code.recover)
		} else {
			m.zeroResults(fr.code)
		}
		return
	}
	if fr.code.late && fr.defers != nil {
		m.deferredLate(fr)
	}
}

// deferredLate runs deferred calls behind the return.
func (m *machine) deferredLate(fr *frame) {
	if fr.code.named {
		m.runDefers(fr)
		m.loop(fr, fr.code.recover)
		return
	}
	rn, rs, ra := m.rn, m.rs, m.ra
	m.runDefers(fr)
	m.rn, m.rs, m.ra = rn, rs, ra
}

// try runs the function's body and returns how it panicked, or nil. When the
// program dies nothing is caught: no deferred call runs.
func (m *machine) try(fr *frame) (p *Panic) {
	done := false
	defer func() {
		if !done && m.dead == nil {
			p = m.caught(recover())
		}
	}()
	m.loop(fr, 0)
	done = true
	return nil
}

// zeroResults is what a function without named results returns when it recovers.
func (m *machine) zeroResults(c *code) {
	for i, r := range c.results {
		m.rn[i], m.rs[i], m.ra[i] = 0, "", r.zero
	}
}

// unwind forgets the frames above fr.
func (m *machine) unwind(fr *frame) {
	for m.cur != fr {
		m.pop(m.cur)
	}
	// A frame that was pushed but not entered is above cur.
	for m.depth > 0 && m.frames[m.depth-1] != fr {
		m.depth--
	}
	m.top = fr.base
	for i, n := range fr.code.size {
		m.top[i] += n
	}
}

// runDefers runs the deferred calls, last first, and panics if one that panicked,
// or the function itself, was not recovered.
func (m *machine) runDefers(fr *frame) {
	for fr.defers != nil {
		d := fr.defers
		fr.defers = d.next
		m.runDeferred(fr, d)
	}
	if fr.panicking != nil {
		panic(fr.panicking)
	}
}

func (m *machine) runDeferred(fr *frame, d *deferred) {
	done := false
	defer func() {
		if done || m.dead != nil {
			return
		}
		p := m.caught(recover())
		if fr.panicking != nil && p != fr.panicking {
			p.earlier = fr.panicking
		}
		fr.panicking = p
		m.unwind(fr)
	}()
	d.call(fr)
	done = true
}

// die ends the program: no deferred call runs, nothing recovers.
func (m *machine) die(p *Panic) {
	m.dead = p
	if p.Calls == nil {
		p.Calls = m.calls()
	}
	panic(p)
}
