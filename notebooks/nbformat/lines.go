package nbformat

import (
	"strings"
	"unicode/utf8"
)

// lines splits after every line as Python's str.splitlines(True) does, which
// Jupyter's writer uses.
func lines(s string) []any {
	list := []any{}
	for len(s) > 0 {
		n := lineLength(s)
		list = append(list, s[:n])
		s = s[n:]
	}
	return list
}

func lineLength(s string) int {
	i := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
	if i < 0 {
		return len(s)
	}
	if strings.HasPrefix(s[i:], "\r\n") {
		return i + 2
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return i + n
}
