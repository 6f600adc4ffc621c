package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

const (
	handshakeTime = 5 * time.Second  // for a connection's handshake
	messageTime   = 30 * time.Second // for a message from its first octet to its last

	maxPeers       = 128 // connections of a socket
	maxSubscribers = 64  // of iopub, where each may have a backlog

	outputSoft  = 16 << 20         // a subscriber's backlog at which cells wait for it, bytes
	outputGrace = 20 * time.Second // for a subscriber to take half of it
	replyLimit  = 16 << 20         // replies that a front end may leave unread, bytes

	cellGrace  = 2 * time.Second // for a cell to end at shutdown; Jupyter kills a kernel after 5 s
	flushGrace = time.Second     // for front ends to take the last messages at shutdown

	queuedRequests = 4096 // requests that wait for a channel; further ones wait unread
)

// smallLimits are those of sockets that take a subscription or a heartbeat.
var smallLimits = limits{frame: 1 << 10, message: 4 << 10, parts: 4}

// strangerLimits are those of a peer that has sent no right signature yet: enough for
// any cell that people write, and little enough for a socket full of strangers.
var strangerLimits = limits{frame: 1 << 20, message: 1 << 20, parts: maxPrefix + 6}

// kernel is one served session: five sockets, three goroutines that answer
// requests, and the executor. Cells wait for one another; whatever else comes on
// shell does not wait for them, so that completion, inspection and a front end that
// connects again are answered while a cell runs.
type kernel struct {
	file     *ConnectionFile
	executor Executor
	door     Door
	signer   *signer
	composer *composer
	iopub    *iopub
	complain *complaints

	cells   chan *request // execute requests, which wait for one another
	shell   chan *request // all others, which do not wait for a cell
	control chan *request
	sockets []*socket

	ctx        context.Context // done when the kernel is to stop
	stop       context.CancelCauseFunc
	interrupts chan os.Signal
	abandon    chan struct{} // closed when a cell that did not end is given up
	answered   chan struct{} // closed when no more requests are answered

	inputs inputs

	mu        sync.Mutex
	interrupt context.CancelCauseFunc // of the running cell, nil for none
	shutdowns []*request              // to be answered last

	states  sync.Mutex // held while a status is published
	running *request   // the execute request that is being answered, nil for none

	runs chan func() // for a goroutine whose stack has grown for cells: that of a new one is copied again and again

	// Of the goroutine that answers cells.
	count       int       // execution_count
	abortBefore time.Time // execute requests received before are aborted
}

// Serve serves one kernel on the sockets that the connection file names until a
// front end asks for shutdown; then it returns nil. It returns earlier when ctx
// is done, with its cause. SIGINT interrupts the running cell meanwhile.
//
// It takes connections before it calls start, because a front end that finds nobody
// there comes back only after a tenth of a second or two; what it asks waits for start.
// Serve closes the executor before it returns, whatever happened.
func Serve(ctx context.Context, connectionFile string, start func() (Executor, error), opts ...Option) error {
	k, err := newKernel(ctx, connectionFile, opts)
	if err != nil {
		return err
	}
	if k.executor, err = start(); err != nil {
		k.stop(nil)
		signal.Stop(k.interrupts)
		close(k.answered)
		k.closeSockets(time.Now())
		return err
	}
	return k.serve()
}

func newKernel(ctx context.Context, connectionFile string, opts []Option) (*kernel, error) {
	file, err := ReadConnectionFile(connectionFile, opts...)
	if err != nil {
		return nil, err
	}
	k := &kernel{
		file:       file,
		signer:     &signer{key: file.Key},
		complain:   &complaints{},
		cells:      make(chan *request, queuedRequests),
		shell:      make(chan *request, queuedRequests),
		control:    make(chan *request, queuedRequests),
		abandon:    make(chan struct{}),
		interrupts: make(chan os.Signal, 1),
		answered:   make(chan struct{}),
		runs:       make(chan func()),
	}
	k.composer = newComposer(k.signer)
	k.iopub = &iopub{grace: outputGrace, complain: k.complain, welcome: k.welcome, subscribers: map[*peer]map[string]bool{}}
	k.ctx, k.stop = context.WithCancelCause(ctx)
	if err := k.listen(); err != nil {
		k.stop(nil)
		return nil, fmt.Errorf("connection file %s: %w", connectionFile, err)
	}
	signal.Notify(k.interrupts, os.Interrupt)
	k.accept()
	return k, nil
}

// closeAll ends what listen opened.
func closeAll(sockets []*socket) {
	for _, s := range sockets {
		s.listener.Close()
	}
}

// listen opens the five sockets, or none.
func (k *kernel) listen() error {
	const router, small = zmq4.Router, 64 << 10
	f := k.file
	k.sockets = []*socket{
		{name: "shell", port: f.Shell, kind: router, limits: requestLimits, strange: strangerLimits, room: maxPeers, soft: replyLimit, receive: k.requests(k.shell, k.cells)},
		{name: "control", port: f.Control, kind: router, limits: requestLimits, strange: strangerLimits, room: maxPeers, soft: replyLimit, receive: k.requests(k.control, nil)},
		{name: "stdin", port: f.Stdin, kind: router, limits: smallLimits, strange: smallLimits, room: maxPeers, soft: small, receive: dropInput},
		{name: "heartbeat", port: f.Heartbeat, kind: zmq4.Rep, limits: smallLimits, strange: smallLimits, room: maxPeers, soft: small, receive: echo},
		{name: "iopub", port: f.IOPub, kind: zmq4.XPub, limits: smallLimits, strange: smallLimits, room: maxSubscribers, soft: outputSoft, receive: k.iopub.receive, left: k.iopub.left},
	}
	for i, s := range k.sockets {
		listener, err := f.listen(s.port)
		if err != nil {
			closeAll(k.sockets[:i])
			return fmt.Errorf("%s: %w", s.name, err)
		}
		s.listener, s.complain, s.conns = listener, k.complain, map[net.Conn]*connection{}
		s.patience = patience{handshake: handshakeTime, message: messageTime}
	}
	return nil
}

// echo answers a heartbeat with itself.
func echo(p *peer, frames [][]byte) error { return p.out.put(sealed(frames)) }

// dropInput drops an input_reply: nothing here asks for input.
func dropInput(p *peer, _ [][]byte) error {
	p.socket.refused(errInput)
	return nil
}

// requests returns what takes the requests of one socket into a channel, and
// execute requests into another.
func (k *kernel) requests(others, cells chan<- *request) func(*peer, [][]byte) error {
	return func(p *peer, frames [][]byte) error {
		r, err := parseRequest(frames, k.signer)
		if err != nil {
			p.socket.refused(err) // and the connection stays
			return nil
		}
		p.socket.know(p)
		r.from = p
		to := others
		if r.cell() {
			to = cells
		}
		select {
		case to <- r:
		case <-k.answered: // the kernel has ended but for its last words
		}
		return nil
	}
}

// accept begins to take connections and what they ask, which waits in its channels.
func (k *kernel) accept() {
	for _, s := range k.sockets {
		s.serving.Add(1)
		go s.serve()
	}
}

func (k *kernel) serve() error {
	defer k.stop(nil)
	k.door = k.executor.Door()
	defer signal.Stop(k.interrupts)

	go func() {
		for run := range k.runs {
			run()
		}
	}()
	var answering sync.WaitGroup
	for _, requests := range []chan *request{k.cells, k.shell, k.control} {
		answering.Go(func() { k.answerAll(requests) })
	}
	for k.ctx.Err() == nil {
		select {
		case <-k.interrupts:
			k.interruptCell()
		case <-k.ctx.Done():
		}
	}
	return k.end(&answering)
}

// end waits for the running cell, answers what is left, the shutdown last, and
// closes everything.
func (k *kernel) end(answering *sync.WaitGroup) error {
	giveUp := time.AfterFunc(cellGrace, func() { close(k.abandon) })
	answering.Wait()
	giveUp.Stop()
	close(k.runs)
	close(k.answered)

	err := k.executor.Close()
	for _, r := range k.shutdowns {
		restart, _ := member(r.content, "restart", false)
		k.reply(r, nil, fields{"status": "ok", "restart": restart})
		k.idle(r)
	}
	k.closeSockets(time.Now().Add(flushGrace))
	if cause := context.Cause(k.ctx); cause != ErrShutdown {
		err = errors.Join(cause, err)
	}
	return err
}

// closeSockets lets peers have until the deadline what they were sent.
func (k *kernel) closeSockets(deadline time.Time) {
	var closing sync.WaitGroup
	for _, s := range k.sockets {
		closing.Go(func() { s.close(deadline) })
	}
	closing.Wait()
}

// answerAll answers requests one after the other, and when the kernel stops those
// that are still queued.
func (k *kernel) answerAll(requests <-chan *request) {
	for {
		select {
		case r := <-requests:
			k.answer(r)
			continue
		case <-k.ctx.Done():
		}
		select {
		case r := <-requests:
			k.answer(r)
		default:
			return
		}
	}
}

// interruptCell ends the running cell, if any.
func (k *kernel) interruptCell() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.interrupt != nil {
		k.interrupt(ErrInterrupted)
	}
}

// reply queues a message for the front end that r came from.
func (k *kernel) reply(r *request, metadata, content fields) {
	frames, err := k.composer.compose(r.prefix, k.composer.header(r.replyKind()), r.header, metadata, k.leave(content).(fields))
	if err != nil {
		slog.Error("a reply was not sent", "reason", err)
		return
	}
	r.from.socket.send(r.from, frames)
}

// publish sends a message that belongs to r to all subscribers.
func (k *kernel) publish(r *request, kind string, content fields) {
	frames, err := k.composer.compose([][]byte{[]byte(kind)}, k.composer.header(kind), r.header, nil, k.leave(content).(fields))
	if err != nil {
		slog.Error("an output was not published", "reason", err)
		return
	}
	k.iopub.publish(frames)
}

func (k *kernel) status(r *request, state string) {
	k.publish(r, "status", fields{"execution_state": state})
}

func (k *kernel) busy(r *request) {
	k.states.Lock()
	defer k.states.Unlock()
	if r.cell() {
		k.running = r
	}
	k.status(r, "busy")
}

// idle ends the answer of r. Front ends show the latest state that they were told,
// whatever request it belongs to; so where a cell still runs, its busy follows.
func (k *kernel) idle(r *request) {
	k.states.Lock()
	defer k.states.Unlock()
	if k.running == r {
		k.running = nil
	}
	k.status(r, "idle")
	if k.running != nil {
		k.status(k.running, "busy")
	}
}

// cell reports whether r asks for a cell to be run.
func (r *request) cell() bool {
	return r.kind == "execute_request" && r.from.socket.name == "shell" && r.subshell == ""
}

func (k *kernel) welcome(topic, subscription string) [][]byte {
	frames, _ := k.composer.compose([][]byte{[]byte(topic)}, k.composer.header("iopub_welcome"), nil, nil,
		fields{"subscription": subscription}) // text always encodes
	return frames
}
