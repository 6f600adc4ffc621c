package guard

import (
	"context"
	"fmt"
	"log/slog"
)

// Log is a handler of log records whose texts pass the door before h has them.
func (d *Door) Log(h slog.Handler) slog.Handler { return logged{h, d} }

type logged struct {
	slog.Handler
	door *Door
}

// Handle implements slog.Handler.
func (l logged) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, l.door.Words(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(l.attr(a))
		return true
	})
	return l.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (l logged) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = l.attr(a)
	}
	return logged{l.Handler.WithAttrs(out), l.door}
}

// WithGroup implements slog.Handler.
func (l logged) WithGroup(name string) slog.Handler { return logged{l.Handler.WithGroup(name), l.door} }

func (l logged) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindTime:
		return a
	case slog.KindGroup:
		var out []any
		for _, member := range v.Group() {
			out = append(out, l.attr(member))
		}
		return slog.Group(a.Key, out...)
	default:
		return slog.String(a.Key, l.door.Words(fmt.Sprint(v.Any())))
	}
}
