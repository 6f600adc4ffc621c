package kernel

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// A front end that runs all cells sends them one by one, and those behind a failed
// one are not to run. So a failed cell's reply waits until no request has come for
// the time of stragglers, but not longer than stragglersEnd. What arrives after
// the reply is run, because its sender may have seen the reply.
const (
	stragglers    = 50 * time.Millisecond
	stragglersEnd = time.Second
)

// cell is what an execute_request asks for.
type cell struct {
	Request
	stopOnError bool
	keep        bool   // store_history
	expressions object // user_expressions
}

func (r *request) parseCell() (c cell, err error) {
	if c.Code, err = r.code(); err != nil {
		return c, err
	}
	var errs [5]error
	c.Quiet, errs[0] = member(r.content, "silent", false)
	c.keep, errs[1] = member(r.content, "store_history", !c.Quiet)
	c.stopOnError, errs[2] = member(r.content, "stop_on_error", true)
	c.expressions, errs[3] = member(r.content, "user_expressions", object{})
	c.Cell, errs[4] = member(r.metadata, "cellId", "")
	if err := errors.Join(errs[:]...); err != nil {
		return c, badRequest(err)
	}
	c.keep = c.keep && !c.Quiet
	return c, nil
}

// execute runs a cell and answers its request.
func (k *kernel) execute(r *request) {
	started := date(time.Now())
	if r.received.Before(k.abortBefore) || k.ctx.Err() != nil {
		k.executeReply(r, started, fields{"status": "aborted"})
		return
	}
	c, err := r.parseCell()
	if err != nil {
		k.executeReply(r, started, errorFields(err))
		return
	}
	if c.keep {
		k.count++
		k.inputs.add(k.count, c.Code)
	}
	outcome, ok := k.run(r, c)
	if !outcome.Failed && !outcome.Aborted {
		ok["status"] = "ok"
		k.executeReply(r, started, ok)
		return
	}
	if c.stopOnError && !c.Quiet {
		k.awaitStragglers()
	}
	raised := fields{"ename": outcome.Name, "evalue": outcome.Value, "traceback": outcome.Traceback}
	if !c.Quiet {
		k.publish(r, "error", raised)
	}
	raised["status"] = "error"
	k.executeReply(r, started, raised)
}

// awaitStragglers has everything that arrives until it returns aborted.
func (k *kernel) awaitStragglers() {
	end := time.Now().Add(stragglersEnd)
	for n := -1; n != len(k.cells) && time.Now().Before(end) && k.ctx.Err() == nil; {
		n = len(k.cells)
		select {
		case <-time.After(stragglers):
		case <-k.ctx.Done():
		}
	}
	k.abortBefore = time.Now()
}

// run publishes execute_input and calls the executor, for a cell that succeeds also
// with its user_expressions. It returns those and the payload as members of the
// reply. It can be interrupted from its first statement on.
func (k *kernel) run(r *request, c cell) (Outcome, fields) {
	ctx, cancel := context.WithCancelCause(k.ctx)
	k.setInterrupt(cancel)
	defer cancel(nil)
	defer k.setInterrupt(nil)
	if !c.Quiet {
		c.Count = k.count
		k.publish(r, "execute_input", fields{"code": c.Code, "execution_count": k.count})
	}
	pub := &publisher{kernel: k, request: r, ctx: ctx, count: k.count, quiet: c.Quiet}
	outcome := k.await(ctx, c.Request, pub)
	pub.close()
	values := fields{}
	if !outcome.Failed && !outcome.Aborted {
		values = k.evaluate(ctx, c.expressions)
	}
	return outcome, fields{"payload": pub.payload(), "user_expressions": values}
}

func (k *kernel) setInterrupt(cancel context.CancelCauseFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.interrupt = cancel
}

// await calls the executor and does not wait beyond the kernel's end for one that
// breaks its promise to return.
func (k *kernel) await(ctx context.Context, req Request, pub Publisher) Outcome {
	ended := make(chan Outcome, 1)
	run := func() {
		o, err := protect(func() (Outcome, error) { return k.executor.Execute(ctx, req, pub), nil })
		var f *failure
		if errors.As(err, &f) {
			o = Outcome{Failed: true, Name: f.name, Value: f.value}
		}
		ended <- o
	}
	select {
	case k.runs <- run:
	case <-k.abandon: // the run before it has not ended
	}
	var o Outcome
	select {
	case o = <-ended:
	case <-k.abandon:
		o = Outcome{Failed: true, Name: "Abandoned", Value: "the cell did not end when the kernel shut down"}
	}
	if o.Aborted && o.Name == "" {
		o.Name, o.Value = "Interrupted", "the cell was interrupted"
	}
	if o.Failed && o.Name == "" {
		o.Name = "Error"
	}
	if o.Traceback == nil {
		o.Traceback = []string{}
	}
	return o
}

// executeReply sends content with what every execute_reply has.
func (k *kernel) executeReply(r *request, started string, content fields) {
	content["execution_count"] = k.count
	k.reply(r, fields{"started": started, "status": content["status"]}, content)
}

// maxExpressions is how many user_expressions one request may have.
const maxExpressions = 64

// evaluate runs each of user_expressions as a quiet cell, in the order of their
// names, and returns their values or errors. One that fails does not fail the cell.
func (k *kernel) evaluate(ctx context.Context, expressions object) fields {
	values := fields{}
	for _, name := range slices.Sorted(maps.Keys(expressions)) {
		code, err := member(expressions, name, "")
		if err == nil && len(values) >= maxExpressions {
			err = errors.New("there are too many user_expressions")
		}
		if err != nil {
			values[name] = errorFields(badRequest(err))
			continue
		}
		var value result
		o := k.await(ctx, Request{Code: code, Quiet: true}, &value)
		data, metadata := k.bundle(value.get())
		if o.Failed || o.Aborted {
			values[name] = fields{"status": "error", "ename": o.Name, "evalue": o.Value, "traceback": o.Traceback}
		} else {
			values[name] = fields{"status": "ok", "data": data, "metadata": metadata}
		}
	}
	return values
}

// result is a Publisher that keeps a cell's result and nothing else.
type result struct {
	mu    sync.Mutex
	value Data
}

func (*result) Stream(string, string) {}
func (*result) Display(Data, string)  {}
func (*result) Update(Data, string)   {}
func (*result) Clear(bool)            {}
func (*result) Page(Data)             {}

func (*result) Progress(string, int64, int64) {}

func (v *result) Result(d Data) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.value = d
}

func (v *result) get() Data {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.value
}
