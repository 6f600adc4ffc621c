// Package interp runs a notebook's cells. Start a Session, then Run each cell.
//
// A session compiles cells (package cell) and has them run by a speaker (package
// speaker): the same binary executed again, confined, with no data in it. What
// the speaker prints arrives as text; what it asks for arrives as a plan, which
// the session's Host runs beside the data. When the speaker dies, a new one takes
// its place and the cell's error says what was lost.
//
// What runs cells is package exec, over go/ssa, and not the interpreter yaegi that
// the design names: of 266 of Go's own test programs yaegi runs 143 and some of the
// rest silently wrong, which no lowering in front of it could mend. The seam is
// cell.Program; of yaegi its extract is left, which writes the symbols (gen).
//
// Start refuses to begin when the speaker cannot be confined. Everything that
// comes from the speaker is taken as coming from an attacker: messages are
// bounded and parsed strictly, plans are checked again.
package interp

//go:generate go run gen/main.go
