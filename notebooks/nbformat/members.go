package nbformat

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// members takes an object apart by name. It keeps the first fault it meets;
// what nobody has taken stays in object.
type members struct {
	what   string // what the object is, for the fault
	object map[string]any
	fault  error
}

func membersOf(what string, v any) *members {
	m := &members{what: what}
	var ok bool
	if m.object, ok = v.(map[string]any); !ok {
		m.fail("is not an object")
	}
	return m
}

func (m *members) fail(format string, args ...any) {
	if m.fault == nil {
		m.fault = fmt.Errorf(m.what+" "+format, args...)
	}
}

// take removes a member, which must be there.
func (m *members) take(name string) (any, bool) {
	v, ok := m.object[name]
	if !ok {
		m.fail("has no %s", name)
	}
	delete(m.object, name)
	return v, ok
}

func take[T any](m *members, name, kind string) T {
	v, there := m.take(name)
	t, ok := v.(T)
	if there && !ok {
		m.fail("has a %s that is not %s", name, kind)
	}
	return t
}

func (m *members) text(name string) string { return take[string](m, name, "a string") }
func (m *members) list(name string) []any  { return take[[]any](m, name, "a list") }
func (m *members) members(name string) map[string]any {
	return take[map[string]any](m, name, "an object")
}

// multiline takes a string that may stand as a list of its pieces.
func (m *members) multiline(name string) string {
	v, there := m.take(name)
	s, ok := joined(v)
	if there && !ok {
		m.fail("has a %s that is neither a string nor a list of strings", name)
	}
	return s
}

func joined(v any) (string, bool) {
	if s, ok := v.(string); ok {
		return s, true
	}
	pieces, ok := v.([]any)
	var b strings.Builder
	for _, piece := range pieces {
		s, isString := piece.(string)
		b.WriteString(s)
		ok = ok && isString
	}
	return b.String(), ok
}

// whole takes a whole number of 0 or more.
func (m *members) whole(name string) int {
	v, there := m.take(name)
	literal, _ := v.(json.Number)
	n, err := strconv.Atoi(string(literal))
	if there && (err != nil || n < 0) {
		m.fail("has a value of %s that is not a whole number", name)
	}
	return n
}

// count takes a whole number or null.
func (m *members) count(name string) *int {
	if v, there := m.object[name]; there && v == nil {
		delete(m.object, name)
		return nil
	}
	return new(m.whole(name))
}
