package kernel

import (
	"context"
	"errors"
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
	}
	outcome := k.run(r, c)
	if !outcome.Failed && !outcome.Aborted {
		k.executeReply(r, started, fields{"status": "ok", "payload": []string{}, "user_expressions": c.refuseExpressions()})
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
	for n := -1; n != len(k.shell) && time.Now().Before(end) && k.ctx.Err() == nil; {
		n = len(k.shell)
		select {
		case <-time.After(stragglers):
		case <-k.ctx.Done():
		}
	}
	k.abortBefore = time.Now()
}

// run publishes execute_input and calls the executor. It can be interrupted from
// its first statement on.
func (k *kernel) run(r *request, c cell) Outcome {
	ctx, cancel := context.WithCancelCause(k.ctx)
	k.setInterrupt(cancel)
	defer cancel(nil)
	defer k.setInterrupt(nil)
	if !c.Quiet {
		c.Count = k.count
		k.publish(r, "execute_input", fields{"code": c.Code, "execution_count": k.count})
	}
	pub := &publisher{kernel: k, request: r, ctx: ctx, count: k.count, quiet: c.Quiet}
	defer pub.close()
	return k.await(ctx, c.Request, pub)
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
	go func() {
		o, err := protect(func() (Outcome, error) { return k.executor.Execute(ctx, req, pub), nil })
		var f *failure
		if errors.As(err, &f) {
			o = Outcome{Failed: true, Name: f.name, Value: f.value}
		}
		ended <- o
	}()
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

// refuseExpressions answers user_expressions, each by itself as the protocol asks.
func (c cell) refuseExpressions() fields {
	refused := fields{}
	for name := range c.expressions {
		refused[name] = errorFields(&failure{"Unsupported", "this kernel evaluates cells only; put the expression into one"})
	}
	return refused
}
