// Package cell compiles a notebook's cells. Call New, then Compile for each cell,
// and Commit when the cell's declarations exist in the process that runs them.
// Complete, Inspect and Completeness help who writes a cell.
//
// A cell is Go in which declarations, statements and expressions are mixed; one
// that begins with a package clause is a whole program. A cell goes through these
// rooms:
//
//	split.go    the declarations among the statements
//	parse.go    two files, with the imports that the cell mentions; what no parser should see
//	units.go    declarations that can be checked again, and what depends on what
//	identity.go which types are what they were
//	check.go    go/types against everything that is live, in rounds until nothing changes
//	schema.go   strings that name tables and fields
//	lower.go    the Program: variables of the top level, the value of the last expression
//	assist.go   completion and inspection; complete.go, whether a cell is whole
//
// A declaration replaces the one of its name for every earlier cell: what depends
// on it is checked again with it and runs as of then, or says why it cannot until it
// can again. Types that are declared again unchanged keep their values. A value that
// holds a function, an instance of a generic one or a method runs the new one, too. If
// that has another type, or is not for the type arguments, the value stays as it was
// and a note says so when it is called; a call through an interface is an error then.
// A function literal, and what it captured, is what it was when it was evaluated.
//
// Compile refuses, all mistakes at once and in the cell's own coordinates, what Go
// refuses, an import that is not allowed, a string that names no table or field,
// and a dropped result of a value that never changes. A cell that is refused
// changes nothing.
//
// The package is pure: it runs nothing and reads nothing but what is embedded.
package cell
