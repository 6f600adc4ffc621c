package exec

import (
	"errors"
	"fmt"
	"go/token"
	"runtime"
	"strconv"
	"strings"
)

// Panic is how a program ended early.
type Panic struct {
	Value any    // as the program panicked with it
	Calls []Call // that were running, innermost first
	Fatal bool   // Go ends the process: all goroutines asleep, stack exhausted

	earlier *Panic // that it replaced while its deferred calls ran
	halted  bool
}

// Call is a function that was running, and where.
type Call struct {
	Func string
	At   token.Pos
}

// Halted says that the program was stopped from outside.
func (p *Panic) Halted() bool { return p.halted }

// Error is the text that Go prints behind "panic: ".
func (p *Panic) Error() string {
	switch v := p.Value.(type) {
	case nil:
		return "nil"
	case error:
		return v.Error()
	case box:
		return v.panicText()
	case string:
		return v
	case fmt.Stringer:
		return v.String()
	}
	switch v := p.Value.(type) {
	case float64, float32, complex128, complex64:
		return fmt.Sprintf("%T(%v)", v, v)
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, uintptr:
		return fmt.Sprintf("%v", v)
	}
	return fmt.Sprintf("%v", p.Value)
}

// runtimeError is an error of the language's own, with Go's text.
type runtimeError string

func (e runtimeError) Error() string { return "runtime error: " + string(e) }

// RuntimeError makes it a runtime.Error.
func (e runtimeError) RuntimeError() {}

// plainError is one that Go writes without "runtime error: ".
type plainError string

func (e plainError) Error() string { return string(e) }
func (e plainError) RuntimeError() {}

var _ runtime.Error = runtimeError("")

// throw panics in fr at pos.
func (fr *frame) throw(at token.Pos, err error) {
	fr.at = at
	panic(&Panic{Value: err})
}

func (fr *frame) nilDeref(at token.Pos) {
	fr.throw(at, runtimeError("invalid memory address or nil pointer dereference"))
}

func (fr *frame) outOfRange(at token.Pos, i int64, n int) {
	if i < 0 {
		fr.throw(at, runtimeError("index out of range ["+strconv.FormatInt(i, 10)+"]"))
	}
	fr.throw(at, runtimeError(fmt.Sprintf("index out of range [%d] with length %d", i, n)))
}

// checkpoint looks whether the program is to stop and lets other goroutines run.
func (m *machine) checkpoint() {
	m.fuel = fuelStep
	if m.stop.Load() {
		m.halt()
	}
	if m.goroutines() > 1 {
		m.yield()
	}
}

// heed stops a program that is to stop before what may take long by itself: between
// two checkpoints pass too many of them.
func (m *machine) heed() {
	if m.stop.Load() {
		m.halt()
	}
}

// halt ends this goroutine: the program was stopped.
func (m *machine) halt() { m.die(&Panic{halted: true, Value: "the cell was interrupted"}) }

func (m *machine) overflow() {
	m.die(&Panic{Value: plainError("stack overflow: calls nest deeper than " + strconv.Itoa(maxDepth) + "; is there a recursion without an end?"), Fatal: true})
}

// caught makes a Panic of what recover returned.
func (m *machine) caught(r any) *Panic {
	p, ok := r.(*Panic)
	if !ok {
		p = &Panic{Value: hostPanic(r)}
	}
	if p.Calls == nil {
		p.Calls = m.calls()
	}
	return p
}

// hostPanic is what a library function, or the executor's own operation, panicked with.
func hostPanic(r any) any {
	err, ok := r.(runtime.Error)
	if !ok {
		return fromHost(r)
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "hash of unhashable type "); ok {
		return runtimeError("hash of unhashable type " + name)
	}
	return err
}

// calls is what is running.
func (m *machine) calls() []Call {
	var out []Call
	for fr := m.cur; fr != nil; fr = fr.caller {
		if fr.code.fn.Synthetic == "" || fr.code.fn.Syntax() != nil {
			out = append(out, Call{fr.code.name, fr.at})
		}
		if len(out) == 100 {
			break
		}
	}
	return out
}

// unsupported is a construct that the executor refuses to compile.
type unsupported string

func (u unsupported) Error() string { return string(u) + " is not supported in a cell" }

// Refusal is a construct that cannot be run exactly as Go runs it.
type Refusal struct {
	At   token.Pos
	Text string
}

func (r *Refusal) Error() string { return r.Text }

var errDeadlock = errors.New("all goroutines are asleep - deadlock!")
