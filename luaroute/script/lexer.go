package script

import (
	"fmt"
	"unicode/utf8"
)

// end is what the lexer reads after the last byte.
const end = -1

// lexer divides a text into tokens, as Lua 5.1 does in the C locale. `::` is a token besides, for labels.
type lexer struct {
	src   []byte
	at    int // the place of c
	start int // where the token begins
	c     int // the byte to look at, or end
	buf   []byte
	line  int // of c

	token    token
	text     string  // of a name or a string
	number   float64 // of a number
	lastLine int     // of the token before

	ahead *lookahead

	comments []stretch // of one line, if they are kept
	keep     bool
}

// stretch is a piece of the text: from a byte to before another.
type stretch struct{ from, to int }

// lookahead is the token after the next.
type lookahead struct {
	token  token
	text   string
	number float64
}

func newLexer(src []byte) *lexer {
	l := &lexer{src: src, at: -1, line: 1, lastLine: 1}
	l.advance()
	return l
}

// next reads a token.
func (l *lexer) next() {
	l.lastLine = l.line
	if a := l.ahead; a != nil {
		l.token, l.text, l.number, l.ahead = a.token, a.text, a.number, nil
		return
	}
	l.token = l.scan()
}

// peek returns the token after this one.
func (l *lexer) peek() token {
	token, text, number := l.token, l.text, l.number
	next := l.scan()
	l.ahead = &lookahead{next, l.text, l.number}
	l.token, l.text, l.number = token, text, number
	return next
}

// advance goes on to the next byte.
func (l *lexer) advance() {
	if l.at++; l.at < len(l.src) {
		l.c = int(l.src[l.at])
	} else {
		l.at, l.c = len(l.src), end
	}
}

// save takes the byte into the text of the token.
func (l *lexer) save() {
	l.buf = append(l.buf, byte(l.c))
	l.advance()
}

// newline skips the end of a line, of one byte or two.
func (l *lexer) newline() {
	first := l.c
	l.advance()
	if (l.c == '\n' || l.c == '\r') && l.c != first {
		l.advance()
	}
	l.line++
}

// fail raises an error. Its message quotes a token, unless that is 0.
func (l *lexer) fail(near token, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if near != 0 {
		text += " near '" + l.quote(near) + "'"
	}
	panic(&placeError{l.line, text})
}

// quote returns what a message shows of the token that was read last.
func (l *lexer) quote(t token) string {
	switch {
	case t == tokenName || t == tokenString || t == tokenNumber:
		return cutMiddle(string(l.buf))
	case t > 127 && t < tokenAnd: // the lexer is behind its first byte
		if r, size := utf8.DecodeRune(l.src[l.at-1:]); size > 1 {
			return string(r)
		}
	}
	return t.String()
}

// cutMiddle shortens a text that a message quotes.
func cutMiddle(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return text[:most/2] + "..." + text[len(text)-most/2:]
}

// scan reads a token, and its value.
func (l *lexer) scan() token {
	l.buf = l.buf[:0]
	for {
		l.start = l.at
		switch c := l.c; {
		case c == '\n' || c == '\r':
			l.newline()
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			l.advance()
		case c == '-':
			if l.advance(); l.c != '-' {
				return '-'
			}
			l.comment()
		case c == '[':
			if level := l.bracket(); level >= 0 {
				l.longString(level, true)
				return tokenString
			} else if level < noBracket {
				l.fail(tokenString, "invalid long string delimiter")
			}
			return '['
		case c == '=' || c == '<' || c == '>' || c == '~' || c == ':':
			return l.twoBytes(c)
		case c == '"' || c == '\'':
			l.quoted(c)
			return tokenString
		case c == '.':
			return l.dots()
		case c == end:
			return tokenEnds
		case isDigit(c):
			l.numeral()
			return tokenNumber
		case isNameByte(c):
			return l.name()
		default:
			l.advance()
			return token(c)
		}
	}
}

func isDigit(c int) bool { return c >= '0' && c <= '9' }

// isNameByte reports whether a byte may stand in a name, which does not begin with a digit.
func isNameByte(c int) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || isDigit(c)
}

// twoBytes reads a token that begins with a byte and may have a second one.
func (l *lexer) twoBytes(first int) token {
	second, both := '=', map[int]token{'=': tokenEqual, '<': tokenLessEqual, '>': tokenGreaterEqual, '~': tokenNotEqual}[first]
	if first == ':' {
		second, both = ':', tokenLabel
	}
	if l.advance(); l.c != int(second) {
		return token(first)
	}
	l.advance()
	return both
}

// dots reads what begins with a dot.
func (l *lexer) dots() token {
	l.save()
	if l.c == '.' {
		if l.save(); l.c == '.' {
			l.save()
			return tokenDots
		}
		return tokenConcat
	}
	if !isDigit(l.c) {
		return '.'
	}
	l.numeral()
	return tokenNumber
}

func (l *lexer) name() token {
	start := l.at
	for isNameByte(l.c) {
		l.advance()
	}
	l.buf = append(l.buf, l.src[start:l.at]...)
	l.text = string(l.buf)
	if word, ok := keywords[l.text]; ok {
		return word
	}
	if len(l.text) > maxName {
		l.fail(0, "a name has %d bytes; allowed are %d", len(l.text), maxName)
	}
	return tokenName
}
