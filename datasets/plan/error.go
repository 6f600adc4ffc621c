package plan

// Error is a mistake in a plan, found while it is built. Its text comes from the
// plan and the schema, never from a value of the data.
type Error struct {
	Op  string // the operation, "" when it is none's
	Msg string // what is wrong
	Way string // what to write instead, or ""
	At  Position
}

// Error is the message, then the way out.
func (e *Error) Error() string {
	s := e.Msg
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Way != "" {
		s += "; " + e.Way
	}
	return s
}
