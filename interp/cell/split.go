package cell

import (
	"go/scanner"
	"go/token"
)

// region is a part of a cell, as byte offsets.
type region struct {
	from, to int
	decl     bool // a declaration of package level: import, func, type, const
}

// split finds the declarations among the statements. It looks at tokens only, so
// that a mistake in one part leaves the others whole.
func split(src []byte) []region {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(src))
	s.Init(file, src, func(token.Position, string) {}, 0)
	var out []region
	var toks []token.Token // of the region so far
	start, depth := 0, 0
	header := false // of a for, an if or a switch, whose semicolons end nothing
	end := func(at int) {
		if len(toks) > 0 {
			out = append(out, region{start, at, declares(toks)})
		}
		toks, depth, header = nil, 0, false
	}
	for {
		pos, tok, text := s.Scan()
		at := file.Offset(pos)
		switch tok {
		case token.EOF:
			end(len(src))
			return out
		case token.FOR, token.IF, token.SWITCH:
			header = header || depth == 0
		case token.LPAREN, token.LBRACE, token.LBRACK:
			header = header && (depth > 0 || tok != token.LBRACE)
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		case token.SEMICOLON:
			if depth <= 0 && !(header && text == ";") {
				end(min(at+1, len(src)))
				continue
			}
		}
		if len(toks) == 0 {
			start = at
		}
		toks = append(toks, tok)
	}
}

// declares says whether the tokens begin a declaration. A function literal
// begins with func too, but no name and parenthesis follow its parameters.
func declares(toks []token.Token) bool {
	switch toks[0] {
	case token.IMPORT, token.TYPE, token.CONST:
		return true
	case token.FUNC:
		name := 1
		if len(toks) > 1 && toks[1] == token.LPAREN {
		params:
			for depth := 0; name < len(toks); name++ {
				switch toks[name] {
				case token.LPAREN:
					depth++
				case token.RPAREN:
					depth--
				}
				if depth == 0 {
					break params
				}
			}
			name++
		}
		return name+1 < len(toks) && toks[name] == token.IDENT &&
			(toks[name+1] == token.LPAREN || toks[name+1] == token.LBRACK)
	}
	return false
}

// blank is src with everything but the regions that keep names replaced by
// spaces, so that what is left stands at its own line and column.
func blank(src []byte, regions []region, keep func(region) bool) []byte {
	out := make([]byte, len(src))
	for i, c := range src {
		out[i] = ' '
		if c == '\n' {
			out[i] = c
		}
	}
	for _, r := range regions {
		if keep(r) {
			copy(out[r.from:r.to], src[r.from:r.to])
		}
	}
	return out
}
