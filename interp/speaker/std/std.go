// Package std is the symbols of the standard library that a cell may use, for
// yaegi. The other files are written by interp/gen from its allowed.txt.
package std

import "reflect"

// Symbols maps an import path with the package's name to its symbols.
var Symbols = map[string]map[string]reflect.Value{}
