// Package std is the symbols of the standard library that a cell may use, for the
// executor. The other files are written by interp/gen from its allowed.txt, with
// yaegi's extract.
package std

import "reflect"

// Symbols maps an import path with the package's name to its symbols.
var Symbols = map[string]map[string]reflect.Value{}
