package notebooks

import "strings"

// overtype is text as a terminal would show it: a backspace takes back the
// character before it, a carriage return begins the line anew, as those of a
// progress bar do.
func overtype(text string) string {
	if !strings.ContainsAny(text, "\r\b") {
		return text
	}
	runes := []rune(text)
	shown := runes[:0]
	line := 0 // where the last line of shown begins
	for i, r := range runes {
		last := i+1 == len(runes)
		switch {
		case r == '\b' && len(shown) > line:
			shown = shown[:len(shown)-1]
		case r == '\b':
		case r == '\r' && !last && runes[i+1] != '\n':
			shown = shown[:line]
		default:
			shown = append(shown, r)
		}
		if r == '\n' {
			line = len(shown)
		}
	}
	return string(shown)
}
