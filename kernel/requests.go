package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// answers are the requests, beside execute_request and shutdown_request, that a
// kernel answers, by msg_type. What is not here is logged and ends in idle without
// a reply, as the protocol allows.
var answers = map[string]func(*kernel, *request) (fields, error){
	"kernel_info_request": (*kernel).kernelInfo,
	"is_complete_request": (*kernel).isComplete,
	"complete_request":    (*kernel).complete,
	"inspect_request":     (*kernel).inspect,
	"history_request":     (*kernel).history,
	"comm_info_request":   (*kernel).commInfo,
	"connect_request":     (*kernel).connect,
	"interrupt_request":   (*kernel).interrupted,
	"debug_request":       (*kernel).debug,
}

// failure is an error that the front end is told: ename and evalue.
type failure struct{ name, value string }

func (f *failure) Error() string { return f.name + ": " + f.value }

func badRequest(err error) error { return &failure{"BadRequest", err.Error()} }

// answer answers one request. Whatever happens, idle follows busy; only a
// shutdown's comes later, when everything has ended.
func (k *kernel) answer(r *request) {
	k.busy(r)
	if r.kind == "shutdown_request" {
		k.shutDown(r)
		return
	}
	defer k.idle(r)
	content, err := protect(func() (fields, error) { return k.dispatch(r) })
	if err != nil {
		content = errorFields(err)
	}
	if content != nil {
		k.reply(r, nil, content)
	}
}

// dispatch returns a reply's content, nil for none or one that has been sent.
func (k *kernel) dispatch(r *request) (fields, error) {
	switch find := answers[r.kind]; {
	case r.subshell != "":
		return nil, &failure{"SubshellNotFound", "this kernel has no subshells; send the request without subshell_id"}
	case r.cell():
		k.execute(r)
		return nil, nil
	case r.kind == "comm_open" || r.kind == "comm_msg":
		k.closeComm(r)
		return nil, nil
	case r.kind == "comm_close":
		return nil, nil
	case find == nil:
		k.complain.add(r.from.socket.name, errUnknown)
		return nil, nil
	default:
		return find(k, r)
	}
}

const errUnknown refusal = "a message is of a type that this kernel does not answer"

func (r *request) replyKind() string {
	return strings.TrimSuffix(r.kind, "_request") + "_reply"
}

// protect turns a panic into an error that tells the front end only where in the
// log to look. The log has the panic's kind and place; its value, and arguments as
// debug.Stack prints them, may be data.
func protect[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			id := uuid.NewString()
			slog.Error("a panic", "id", id, "kind", fmt.Sprintf("%T", r), "at", callers())
			err = &failure{"InternalError", "internal error " + id + "; the kernel's log says more"}
		}
	}()
	return f()
}

// callers returns the places on the stack of who recovers from a panic.
func callers() []string {
	var places []string
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		places = append(places, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return places
		}
	}
}

// errorFields is the content of a reply with status error.
func errorFields(err error) fields {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{"InternalError", err.Error()}
	}
	return fields{"status": "error", "ename": f.name, "evalue": f.value, "traceback": []string{}}
}

// shutDown stops the kernel. The request is answered when all has ended.
func (k *kernel) shutDown(r *request) {
	k.mu.Lock()
	k.shutdowns = append(k.shutdowns, r)
	k.mu.Unlock()
	k.stop(ErrShutdown)
}

func (k *kernel) kernelInfo(*request) (fields, error) {
	info := k.executor.Info()
	return fields{
		"status":                 "ok",
		"protocol_version":       protocolVersion,
		"implementation":         "weir",
		"implementation_version": info.Version,
		"language_info":          info.Language,
		"banner":                 info.Banner,
		"debugger":               false,
		"help_links":             []string{},
		"supported_features":     []string{},
	}, nil
}

func (k *kernel) isComplete(r *request) (fields, error) {
	code, err := r.code()
	if err != nil {
		return nil, err
	}
	c, err := promptly(k, func(context.Context) Completeness { return k.executor.IsComplete(code) })
	if err != nil {
		return nil, err
	}
	switch c.Status {
	case "incomplete":
		return fields{"status": c.Status, "indent": c.Indent}, nil
	case "complete", "invalid":
		return fields{"status": c.Status}, nil
	}
	return fields{"status": "unknown"}, nil
}

func (k *kernel) complete(r *request) (fields, error) {
	code, cursor, err := r.cursor()
	if err != nil {
		return nil, err
	}
	c := Completion{Start: cursor, End: cursor}
	if completer, ok := k.executor.(Completer); ok {
		c, err = promptly(k, func(ctx context.Context) Completion { return completer.Complete(ctx, code, cursor) })
	}
	if err != nil {
		return nil, err
	}
	return c.reply(code, cursor), nil
}

// reply counts in Unicode characters, as the protocol does since 5.2.
func (c Completion) reply(code string, cursor int) fields {
	if len(c.Matches) == 0 {
		c.Start, c.End = cursor, cursor
	}
	start, end := utf8.RuneCountInString(code[:c.Start]), utf8.RuneCountInString(code[:c.End])
	matches, types := make([]string, len(c.Matches)), []fields{}
	for i, m := range c.Matches {
		matches[i] = m.Text
		if m.Type != "" || m.Signature != "" {
			types = append(types, fields{"start": start, "end": end, "text": m.Text, "type": m.Type, "signature": m.Signature})
		}
	}
	metadata := fields{}
	if len(types) > 0 { // as ipykernel sends them and JupyterLab shows them
		metadata["_jupyter_types_experimental"] = types
	}
	return fields{"status": "ok", "matches": matches, "cursor_start": start, "cursor_end": end, "metadata": metadata}
}

func (k *kernel) inspect(r *request) (fields, error) {
	code, cursor, err := r.cursor()
	if err != nil {
		return nil, err
	}
	detail, err := member(r.content, "detail_level", 0)
	if err != nil {
		return nil, badRequest(err)
	}
	var found Data
	if inspector, ok := k.executor.(Inspector); ok {
		found, err = promptly(k, func(ctx context.Context) Data { return inspector.Inspect(ctx, code, cursor, detail > 0) })
	}
	if err != nil {
		return nil, err
	}
	data, metadata := k.bundle(found)
	return fields{"status": "ok", "found": len(data) > 0, "data": data, "metadata": metadata}, nil
}

// helpTime is how long help for who writes a cell may take. A front end asks for it
// at each key and does not wait longer.
const helpTime = 2 * time.Second

// promptly does not wait for a helper that breaks its promise to return.
func promptly[T any](k *kernel, help func(context.Context) T) (T, error) {
	ctx, cancel := context.WithTimeout(k.ctx, helpTime)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		v, err := protect(func() (T, error) { return help(ctx), nil })
		answered <- answer{v, err}
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, &failure{"Timeout", "the answer took too long; ask again"}
	}
}

func (k *kernel) commInfo(*request) (fields, error) {
	return fields{"status": "ok", "comms": fields{}}, nil
}

func (k *kernel) connect(*request) (fields, error) {
	f := k.file
	return fields{
		"status": "ok", "shell_port": f.Shell, "iopub_port": f.IOPub, "stdin_port": f.Stdin,
		"control_port": f.Control, "hb_port": f.Heartbeat,
	}, nil
}

func (k *kernel) interrupted(*request) (fields, error) {
	k.interruptCell()
	return fields{"status": "ok"}, nil
}

func (k *kernel) debug(*request) (fields, error) {
	return nil, &failure{"Unsupported", "this kernel has no debugger"}
}

// closeComm refuses a comm as "Opening a Comm" asks of who has no such target, and
// messages on one that it has refused.
func (k *kernel) closeComm(r *request) {
	id, err := member(r.content, "comm_id", "")
	if err == nil && id != "" {
		k.publish(r, "comm_close", fields{"comm_id": id, "data": fields{}})
	}
}

func (r *request) code() (string, error) {
	code, err := member(r.content, "code", "")
	if err == nil && !r.content.has("code") {
		err = errors.New("code is missing")
	}
	if err != nil {
		return "", badRequest(err)
	}
	return code, nil
}

// cursor returns code and the octet of it at which the cursor stands, the end when
// the request names none. The request counts in Unicode characters.
func (r *request) cursor() (code string, octet int, err error) {
	if code, err = r.code(); err != nil {
		return "", 0, err
	}
	length := utf8.RuneCountInString(code)
	cursor, err := member(r.content, "cursor_pos", length)
	if err == nil && (cursor < 0 || cursor > length) {
		err = errors.New("cursor_pos is outside of code")
	}
	if err != nil {
		return "", 0, badRequest(err)
	}
	for ; cursor > 0; cursor-- {
		_, size := utf8.DecodeRuneInString(code[octet:])
		octet += size
	}
	return code, octet, nil
}
