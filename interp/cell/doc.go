// Package cell compiles a notebook's cells. Call New, then Compile for each cell,
// and Commit when the cell's declarations exist in the process that runs them.
//
// A cell is Go in which declarations, statements and expressions are mixed.
// Compile splits it, checks it with go/types against what earlier cells declared,
// and lowers it to a form that the interpreter runs as Go would: variables of the
// cell's top level become variables of the package, functions become variables
// that hold functions (so that a redefinition reaches earlier callers), loops and
// functions begin with a checkpoint. It refuses, all mistakes at once, what Go
// refuses, an import that is not allowed, and a dropped result of a value that
// never changes.
//
// The package is pure: it runs nothing and reads nothing but what is embedded.
package cell
