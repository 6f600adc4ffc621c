// Package exec runs the programs that package cell compiles, exactly as Go runs
// them. Make an Executor with New, Load each program, then Run its entry.
//
// A program is Go with types; go/ssa lowers it to instructions (variables per
// iteration, ranges over functions, instances of generics, deferred calls, method
// sets), and this package turns each instruction into a closure over the registers
// of a frame. Values are ordinary Go values of types that package reflect makes
// (rep.go), so that library functions take and return them as they are; what
// reflect cannot say, names and methods of declared types, travels beside a value
// in an interface (iface.go). Read rep.go, frame.go and compile.go first; then a
// file a kind of instruction: arith, memory, maps, iface, call, builtin, chan;
// host.go, format.go and special.go for what crosses to the library.
//
// Load refuses, with a *Refusal that has a position, what cannot be run exactly: it
// compiles everything a program can reach before anything runs. Run ends with a
// *Panic that has Go's own text and the calls that were running. Stop ends a
// running program at its next loop or call; variables stay as they are.
package exec
