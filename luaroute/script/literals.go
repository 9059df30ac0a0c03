package script

import (
	"math"
	"strconv"
	"strings"
)

// noBracket is what bracket returns if there is nothing that looks like a long bracket.
const noBracket = -1

// bracket reads the first part of a long bracket, up to its second [ or ], and returns its level. If there is no second one, it
// returns a negative number.
func (l *lexer) bracket() (level int) {
	first := l.c
	for l.save(); l.c == '='; level++ {
		l.save()
	}
	if l.c == first {
		return level
	}
	return -level - 1
}

// longString reads the rest of a long bracket. What is a comment is not kept.
func (l *lexer) longString(level int, keep bool) {
	l.save()
	if l.c == '\n' || l.c == '\r' {
		l.newline()
	}
	start := len(l.buf)
	for {
		if !keep {
			l.buf = l.buf[:start]
		}
		switch l.c {
		case end:
			if keep {
				l.fail(tokenEnds, "unfinished long string")
			}
			l.fail(tokenEnds, "unfinished long comment")
		case ']':
			if l.bracket() == level {
				l.save()
				if closing := level + 2; keep {
					l.text = string(l.buf[start : len(l.buf)-closing])
				}
				return
			}
		case '\n', '\r':
			l.newline()
			l.buf = append(l.buf, '\n')
		default:
			l.save()
		}
	}
}

// comment skips a comment. The lexer stands at its second hyphen.
func (l *lexer) comment() {
	if l.advance(); l.c == '[' {
		level := l.bracket()
		l.buf = l.buf[:0]
		if level >= 0 {
			l.longString(level, false)
			l.buf = l.buf[:0]
			return
		}
	}
	for l.c != '\n' && l.c != '\r' && l.c != end {
		l.advance()
	}
	if l.keep {
		l.comments = append(l.comments, stretch{l.start, l.at})
	}
}

// escapes are the letters that mean another byte behind a backslash.
var escapes = map[int]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// quoted reads a string between quotes.
func (l *lexer) quoted(quote int) {
	for l.save(); l.c != quote; {
		switch l.c {
		case end:
			l.fail(tokenEnds, "unfinished string")
		case '\n', '\r':
			l.fail(tokenString, "unfinished string")
		case '\\':
			l.advance()
			l.escape()
		default:
			l.save()
		}
	}
	l.save()
	l.text = string(l.buf[1 : len(l.buf)-1])
}

// escape reads what follows a backslash.
func (l *lexer) escape() {
	switch {
	case l.c == end: // the string has no end, which its reader sees
	case l.c == '\n' || l.c == '\r':
		l.newline()
		l.buf = append(l.buf, '\n')
	case isDigit(l.c):
		value := 0
		for n := 0; n < 3 && isDigit(l.c); n++ {
			value = 10*value + l.c - '0'
			l.advance()
		}
		if value > math.MaxUint8 {
			l.fail(tokenString, "escape sequence too large")
		}
		l.buf = append(l.buf, byte(value))
	default:
		if c, ok := escapes[l.c]; ok {
			l.buf = append(l.buf, c)
			l.advance()
			return
		}
		l.save()
	}
}

// numeral reads a number, to the end of what looks like one.
func (l *lexer) numeral() {
	for isDigit(l.c) || l.c == '.' {
		l.save()
	}
	if l.c == 'e' || l.c == 'E' {
		if l.save(); l.c == '+' || l.c == '-' {
			l.save()
		}
	}
	for isNameByte(l.c) {
		l.save()
	}
	number, ok := ParseNumber(string(l.buf))
	if !ok {
		l.fail(tokenNumber, "malformed number")
	}
	l.number = number
}

// ParseNumber reads a number as Lua does, without white space around it: a decimal one, or a hexadecimal one, which may have a
// fraction and an exponent of two. One that is too large is infinite. What Go reads besides is none: underscores, inf and nan.
func ParseNumber(text string) (number float64, ok bool) {
	digits := strings.TrimLeft(text, "+-")
	switch hex := strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X"); {
	case strings.IndexByte(text, '_') >= 0:
		return 0, false
	case hex && !strings.ContainsAny(text, "pP"):
		text += "p0" // Go asks for it
	case !hex && strings.ContainsAny(text, "iInN"):
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil || math.IsInf(number, 0)
}
