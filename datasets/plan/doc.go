// Package plan is the language in which a notebook asks for something: a plan
// is a tree of steps, each an operation of the grammar in grammar.go applied to
// a receiver and arguments. Call Root and Node.Then to build one, Encode and
// Decode to move one between processes.
//
// A plan holds definitions only: names, concept ids, numbers that an analyst
// wrote. It never holds a value of a participant. Root and Then refuse an
// operation that the grammar does not have, an argument of another kind and
// a field that identifies a row or a participant; Decode builds with the same
// two functions, so that a plan from another process is checked as strictly as
// one that was built here.
//
// The package is pure: no I/O, no goroutines. It is compiled into the process
// that runs cells as well as into the one that holds data.
package plan
