package notebooks

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// literal is a value as Go source and as what JSON holds of it.
type literal struct {
	source string
	plain  any
}

// bits are the sizes of Go's numbers.
var (
	signed   = map[string]int{"int": 64, "int8": 8, "int16": 16, "int32": 32, "int64": 64}
	unsigned = map[string]int{"uint": 64, "uint8": 8, "byte": 8, "uint16": 16, "uint32": 32, "uint64": 64}
	floating = map[string]int{"float32": 32, "float64": 64}
)

// known reports whether values of a type can be written.
func known(typ string) bool {
	typ = strings.TrimPrefix(typ, "[]")
	return typ == "bool" || typ == "string" || signed[typ] > 0 || unsigned[typ] > 0 || floating[typ] > 0
}

// literalOf reads text as a value of a known type.
func literalOf(typ, text string) (literal, error) {
	if element, ok := strings.CutPrefix(typ, "[]"); ok {
		return listOf(element, text)
	}
	switch {
	case typ == "string":
		return literal{strconv.Quote(text), text}, nil
	case typ == "bool":
		return boolean(text)
	case floating[typ] > 0:
		return float(text, floating[typ])
	case signed[typ] > 0:
		n, err := strconv.ParseInt(text, 10, signed[typ])
		return number(strconv.FormatInt(n, 10)), err
	}
	n, err := strconv.ParseUint(text, 10, unsigned[typ])
	return number(strconv.FormatUint(n, 10)), err
}

func number(digits string) literal { return literal{digits, json.Number(digits)} }

func boolean(text string) (literal, error) {
	switch text {
	case "true", "True":
		return literal{"true", true}, nil
	case "false", "False":
		return literal{"false", false}, nil
	}
	return literal{}, strconv.ErrSyntax
}

func float(text string, bits int) (literal, error) {
	f, err := strconv.ParseFloat(text, bits)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return literal{}, strconv.ErrSyntax
	}
	digits := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(digits, ".e") {
		digits += ".0" // so that := makes a float64 of it
	}
	return number(digits), nil
}

func listOf(element, text string) (literal, error) {
	items, err := split(text)
	if err != nil {
		return literal{}, err
	}
	sources, plain := []string{}, []any{}
	for _, item := range items {
		if item.quoted && element != "string" {
			return literal{}, strconv.ErrSyntax
		}
		l, err := literalOf(element, item.text)
		if err != nil {
			return literal{}, err
		}
		sources, plain = append(sources, l.source), append(plain, l.plain)
	}
	return literal{"[]" + element + "{" + strings.Join(sources, ", ") + "}", plain}, nil
}

var (
	whole   = regexp.MustCompile(`^[+-]?(0|[1-9][0-9]*)$`)
	decimal = regexp.MustCompile(`^[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
)

// infer is the type that a text shows by itself, and the text without quotes.
func infer(text string) (typ, bare string, err error) {
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		items, err := split(text)
		if err == nil && len(items) == 0 {
			err = fmt.Errorf("an empty list shows no type: declare it in the parameters cell")
		}
		return "[]" + common(items), text, err
	}
	var unquoted string
	if strings.HasPrefix(text, `"`) && json.Unmarshal([]byte(text), &unquoted) == nil {
		return "string", unquoted, nil
	}
	return scalar(text), text, nil
}

func scalar(text string) string {
	_, err := boolean(text)
	switch {
	case err == nil:
		return "bool"
	case whole.MatchString(text):
		return "int"
	case decimal.MatchString(text):
		return "float64"
	}
	return "string"
}

// common is the type that all items of a list can have.
func common(items []item) string {
	seen := map[string]bool{}
	for _, i := range items {
		typ := scalar(i.text)
		if i.quoted {
			typ = "string"
		}
		seen[typ] = true
	}
	switch {
	case seen["string"], seen["bool"] && len(seen) > 1:
		return "string"
	case seen["bool"]:
		return "bool"
	case seen["float64"]:
		return "float64"
	}
	return "int"
}

// item is one element of a list.
type item struct {
	text   string
	quoted bool
}

// split takes a list apart: JSON, or, as a shell often leaves it, bare words
// between commas.
func split(text string) ([]item, error) {
	if !strings.HasPrefix(text, "[") || !strings.HasSuffix(text, "]") || len(text) < 2 {
		return nil, fmt.Errorf("a list is written [a, b]")
	}
	if items, err := splitJSON(text); err == nil {
		return items, nil
	}
	var items []item
	for word := range strings.SplitSeq(text[1:len(text)-1], ",") {
		word = strings.TrimSpace(word)
		if word == "" || strings.ContainsAny(word, `"'[]`) {
			return nil, fmt.Errorf("a list is written [a, b] or as JSON, without lists in it")
		}
		items = append(items, item{text: word})
	}
	return items, nil
}

func splitJSON(text string) ([]item, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var list []any
	if err := d.Decode(&list); err != nil || d.More() {
		return nil, strconv.ErrSyntax
	}
	var items []item
	for _, v := range list {
		switch v := v.(type) {
		case string:
			items = append(items, item{v, true})
		case json.Number, bool:
			items = append(items, item{fmt.Sprint(v), false})
		default:
			return nil, strconv.ErrSyntax
		}
	}
	return items, nil
}
