package guard

import (
	"strings"
	"unicode/utf8"
)

// maxEscape is the longest escape sequence that is waited for, in bytes.
const maxEscape = 64

// sanitiseText takes from a text what a terminal would obey, or a reader be misled by:
// escape sequences but those of colour, control characters but tab and the ends of
// lines, and characters that reverse the text around them (ECMA-48; Unicode Technical
// Report 36, 2.5). What is no UTF-8 becomes U+FFFD.
func sanitiseText(s string) string {
	if harmless(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == 0x1b {
			n, colour := escape(s[i:])
			if colour {
				b.WriteString(s[i : i+n])
			}
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteRune(r)
		case r < 0x20 || r >= 0x7f && r <= 0x9f: // C0, DEL, C1
		case reverses(r) || r == utf8.RuneError && size == 1:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// harmless says whether a text is printable ASCII and ends of lines, as most are.
func harmless(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// reverses: marks, embeddings, overrides and isolates of the Bidirectional Algorithm
// (Unicode Standard Annex 9, 2), and the separators that only some take for the end of
// a line.
func reverses(r rune) bool {
	return r == 0x61c || r >= 0x200e && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// escape is how long the escape sequence is that s begins with, and whether it only
// colours. Of one that does not end, only its first character is taken.
func escape(s string) (length int, colour bool) {
	if len(s) < 2 {
		return 1, false
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			switch c := s[i]; {
			case c >= 0x40 && c <= 0x7e:
				return i + 1, c == 'm' && colours(s[2:i])
			case c < 0x20 || c > 0x7e:
				return 1, false
			}
		}
		return 1, false
	case ']', 'P', 'X', '^', '_': // strings, up to BEL or ST: titles, links, the clipboard
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1, false
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2, false
			}
		}
		return 1, false
	}
	i := 1
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f { // intermediates
		i++
	}
	if i < len(s) && s[i] >= 0x30 && s[i] <= 0x7e {
		return i + 1, false
	}
	return 1, false
}

// colours says whether the parameters of SGR set colours, weight or lines, and do not
// conceal: 8 is not among them, and neither is blinking.
func colours(params string) bool {
	if len(params) > 32 {
		return false
	}
	fields := strings.Split(params, ";")
	for i := 0; i < len(fields); i++ {
		n := 0
		for _, c := range []byte(fields[i]) {
			if c < '0' || c > '9' {
				return false
			}
			n = n*10 + int(c-'0')
		}
		switch {
		case n <= 4, n == 7, n >= 21 && n <= 24, n == 27, n >= 30 && n <= 37, n == 39, n >= 40 && n <= 47, n == 49, n >= 90 && n <= 97, n >= 100 && n <= 107:
		case (n == 38 || n == 48) && i+2 < len(fields) && fields[i+1] == "5":
			i += 2
		case (n == 38 || n == 48) && i+4 < len(fields) && fields[i+1] == "2":
			i += 4
		default:
			return false
		}
	}
	return true
}

// wholeEscapes splits off the beginning of an escape sequence, or of a character, at
// the end of a piece of text.
func wholeEscapes(s string) (whole, rest string) {
	if at := strings.LastIndexByte(s, 0x1b); at >= 0 && len(s)-at < maxEscape {
		if n, _ := escape(s[at:]); n == 1 {
			return s[:at], s[at:]
		}
	}
	for n := 1; n < utf8.UTFMax && n <= len(s); n++ {
		if at := len(s) - n; utf8.RuneStart(s[at]) {
			if !utf8.FullRuneInString(s[at:]) {
				return s[:at], s[at:]
			}
			break
		}
	}
	return s, ""
}
