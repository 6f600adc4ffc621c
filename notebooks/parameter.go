package notebooks

import (
	"fmt"
	"go/token"
	"strings"
)

// Parameter is a value for one variable of the cell tagged parameters. How the
// text of Value is read follows the variable's declaration there:
//
//	minAge := 18               a whole number, within the type's range
//	share := 0.5               a number
//	strict := true             true or false (True and False too)
//	label := "all"             the text as it is
//	codes := []int{201826}     a list, [201826, 201254]
//
// Where the type cannot be read off the declaration, or there is none, the text
// decides: a number, true, false or a list of these is one, "…" in quotes is
// text, and so is all else. Numbers with leading zeros are text: they are codes.
type Parameter struct {
	Name, Value string
}

// ParseParameter reads name=value.
func ParseParameter(s string) (Parameter, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return Parameter{}, &ParameterError{Name: s, What: "has no value; write name=value"}
	}
	if !token.IsIdentifier(name) || name == "_" {
		return Parameter{}, &ParameterError{Name: name, What: "has a name that is no Go identifier"}
	}
	return Parameter{Name: name, Value: value}, nil
}

// ParameterError is a parameter that cannot be used. Nothing was run.
type ParameterError struct {
	Name, What string
}

func (e *ParameterError) Error() string { return fmt.Sprintf("parameter %q %s", e.Name, e.What) }
