package cell

import (
	"go/scanner"
	"go/token"
	"strings"
)

// Completeness says whether text could be run as it stands: "complete",
// "incomplete" with the indentation that the next line starts with, or "invalid".
func Completeness(text string) (status, indent string) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	open := false // a raw string or a comment that does not end
	s.Init(fset.AddFile("", fset.Base(), len(text)), []byte(text), func(_ token.Position, msg string) {
		open = open || strings.Contains(msg, "not terminated") && !strings.HasPrefix(msg, "string literal") && !strings.HasPrefix(msg, "rune literal")
	}, 0)
	depth := 0
	last := token.EOF
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		switch tok {
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		}
		if tok != token.SEMICOLON || lit == ";" {
			last = tok
		}
	}
	switch {
	case depth < 0:
		return "invalid", ""
	case open || depth > 0 || continues(last):
		return "incomplete", strings.Repeat("\t", max(depth, 0))
	}
	k := newChecking(blankCompiler(), 0, text)
	k.parse([]byte(text))
	if k.failed() {
		return "invalid", ""
	}
	return "complete", ""
}

// continues: a line that ends so is continued on the next (Go specification,
// "Semicolons"): after an operator, a comma, a period or a keyword.
func continues(tok token.Token) bool {
	switch tok {
	case token.INC, token.DEC, token.RPAREN, token.RBRACE, token.RBRACK, token.SEMICOLON, token.EOF, token.ILLEGAL:
		return false
	case token.BREAK, token.CONTINUE, token.FALLTHROUGH, token.RETURN:
		return false
	}
	return tok.IsOperator() || tok.IsKeyword()
}

// blankCompiler can parse, and nothing else.
func blankCompiler() *Compiler {
	return &Compiler{fset: token.NewFileSet(), live: map[string]*global{}, lines: map[string]origin{}}
}
