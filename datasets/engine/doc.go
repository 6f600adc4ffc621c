// Package engine runs plans over a repository's columns, beside the data. Call
// New, then Tabulate.
//
// Plans are compiled to functions over blocks. A block is one stride of
// consecutive participants (store.Stride); a column is evaluated for a block at
// a time into a vector with one value a participant, each step once, however
// often the plan names it. So a plan needs memory for one block a worker (an engine keeps 16 bytes a participant), runs
// in parallel over blocks, and can be stopped between two.
//
// What Tabulate returns is unprotected: only guard may look at it.
//
// A plan that the engine cannot run (a table or a field that the repository
// lacks) ends in a *plan.Error that says so; a damaged data file in a
// *store.DamagedError. No error holds a value of the data.
package engine
