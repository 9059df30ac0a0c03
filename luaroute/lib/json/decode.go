package json

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Decode returns the Lua value of a JSON text. null becomes Null, since nil cannot be in a table. The work counts as steps of L's budget,
// so only Go functions of scripts may call it.
//
// It is a parser of its own because JSON may come from a client: the token reader of encoding/json takes ten times as
// long.
func Decode(L *lua.LState, text string) (lua.LValue, error) { return DecodeAs(L, text, Options{}) }

// Options says how values are read.
type Options struct {
	// BigAsString reads integers beyond 2^53 as strings.
	BigAsString bool
}

// OptionsOf returns an optional argument { big = "string" }, or raises an error.
func OptionsOf(L *lua.LState, arg int) (o Options) {
	t := L.OptTable(arg, nil)
	if t == nil {
		return o
	}
	t.ForEach(func(k, v lua.LValue) {
		if k != lua.LString("big") || v != lua.LString("string") {
			L.ArgError(arg, "found "+script.Clip(k.String())+" = "+script.Clip(v.String())+`; expected { big = "string" }`)
		}
	})
	_, o.BigAsString = t.RawGetString("big").(lua.LString)
	return o
}

// byteOrderMark may precede JSON. RFC 8259 lets readers ignore it; writers must not add it.
const byteOrderMark = "\uFEFF"

// DecodeAs is Decode with options.
func DecodeAs(L *lua.LState, text string, o Options) (lua.LValue, error) {
	vm.Spend(L, len(text)/16)
	p := &parser{L: L, text: text, options: o}
	if strings.HasPrefix(text, byteOrderMark) {
		p.at = len(byteOrderMark)
	}
	v, err := p.value(0)
	if err == nil && p.next() != 0 {
		err = errors.New("there is more text after the value")
	}
	if err != nil {
		return nil, fmt.Errorf("json: at byte %d: %w", p.at, err)
	}
	return v, nil
}

// The memory of a value and of tables, in bytes.
const (
	valueSize  = 48
	listSize   = 160
	objectSize = 800
)

// A budget may end after each piece of a long text.
const (
	piece      = 64 << 10 // bytes
	pieceSteps = piece / 16
)

// parser reads a text from the byte at.
type parser struct {
	L       *lua.LState
	text    string
	at      int
	options Options
	// written is how the last value was written, where it would be written differently now.
	written string
}

var errEnd = errors.New("the text ends too soon")

// next skips blanks and returns the byte after them, 0 at the end. JSON has no NUL outside of strings, so it can mean the end.
func (p *parser) next() byte {
	for end := p.at; end < len(p.text); vm.Spend(p.L, pieceSteps) {
		for end = min(p.at+piece, len(p.text)); p.at < end; p.at++ {
			switch c := p.text[p.at]; c {
			case ' ', '\t', '\r', '\n':
			case 0:
				return 0xff
			default:
				return c
			}
		}
	}
	return 0
}

// unexpected returns the error about the next byte.
func (p *parser) unexpected(wanted string) error {
	if p.at >= len(p.text) {
		return errEnd
	}
	c, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return fmt.Errorf("found %q; expected %s", c, wanted)
}

func (p *parser) value(depth int) (lua.LValue, error) {
	vm.Spend(p.L, 2)
	vm.Charge(p.L, valueSize)
	switch c := p.next(); {
	case c == '"':
		from := p.at
		s, err := p.string()
		if err == nil && strings.Contains(s, "\ufffd") { // it may stand for bytes that are no UTF-8, and for half a surrogate
			p.written = strings.Clone(p.text[from:p.at])
		}
		return lua.LString(s), err
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	case (c == '[' || c == '{') && depth == maxDepth:
		return nil, fmt.Errorf("more than %d nested lists and objects", maxDepth)
	case c == '[':
		p.at++
		return p.list(depth + 1)
	case c == '{':
		p.at++
		return p.object(depth + 1)
	}
	for _, w := range words {
		if strings.HasPrefix(p.text[p.at:], w.text) {
			p.at += len(w.text)
			return w.value, nil
		}
	}
	return nil, p.unexpected("a value")
}

var words = []struct {
	text  string
	value lua.LValue
}{{"true", lua.LTrue}, {"false", lua.LFalse}, {"null", Null}}

// list reads what follows a [.
func (p *parser) list(depth int) (lua.LValue, error) {
	vm.Charge(p.L, listSize)
	if p.next() == ']' {
		p.at++
		return markArray(p.L.CreateTable(0, 0)), nil
	}
	t := markArray(p.L.CreateTable(4, 0))
	for {
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		t.Append(v)
		p.remember(t, lua.LNumber(t.Len()), v)
		switch p.next() {
		case ']':
			p.at++
			return t, nil
		case ',':
			p.at++
		default:
			return nil, p.unexpected("a comma or ]")
		}
	}
}

// object reads what follows a {.
func (p *parser) object(depth int) (lua.LValue, error) {
	vm.Charge(p.L, objectSize)
	t := p.L.CreateTable(0, 4)
	if p.next() == '}' {
		p.at++
		return t, nil
	}
	for {
		if p.next() != '"' {
			return nil, p.unexpected("a name in quotes")
		}
		key, err := p.string()
		if err != nil {
			return nil, err
		}
		if p.next() != ':' {
			return nil, p.unexpected("a colon")
		}
		p.at++
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		t.RawSetString(key, v)
		p.remember(t, lua.LString(key), v)
		switch p.next() {
		case '}':
			p.at++
			return t, nil
		case ',':
			p.at++
		default:
			return nil, p.unexpected("a comma or }")
		}
	}
}

// string reads a string from its first quote. Bytes that are not UTF-8 become U+FFFD.
func (p *parser) string() (string, error) {
	var before strings.Builder // the pieces that have ended
	p.at++
	start, plain := p.at, true
	for escape := -1; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		if !plain && p.at-start >= piece && p.divides(escape) {
			s, err := unquote(p.text[start:p.at])
			if err != nil {
				return "", err
			}
			before.WriteString(s)
			start, plain = p.at, true
			vm.Spend(p.L, pieceSteps)
		}
		switch {
		case c == '"':
			text := p.text[start:p.at]
			p.at++
			if plain && before.Len() == 0 {
				return strings.Clone(text), nil // a value must not keep the whole text alive
			}
			s, err := unquote(text)
			if err != nil {
				return "", err
			}
			before.WriteString(s)
			return before.String(), nil
		case c < ' ':
			return "", p.unexpected("no control character in a string")
		case c == '\\':
			plain, escape = false, p.at
			p.at++
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	p.at = len(p.text)
	return "", errEnd
}

// divides reports whether a string may be read in two pieces, the second from here: not inside a character or the last escape,
// nor between the escapes of two surrogates.
func (p *parser) divides(escape int) bool {
	if !utf8.RuneStart(p.text[p.at]) {
		return false
	}
	if escape < 0 || p.text[escape+1] != 'u' {
		return true
	}
	return p.at > escape+6 || p.at == escape+6 && p.text[p.at] != '\\'
}

// unquote decodes what is between the quotes of a string.
func unquote(text string) (s string, err error) {
	if err = json.Unmarshal([]byte(`"`+text+`"`), &s); err != nil {
		err = fmt.Errorf("the string before has a wrong escape: %w", err)
	}
	return s, err
}

func (p *parser) number() (lua.LValue, error) {
	start := p.at
	p.skip("-")
	if p.skip("0") == 0 && p.digits() == 0 {
		return nil, p.unexpected("a digit")
	}
	if p.skip(".") > 0 && p.digits() == 0 {
		return nil, p.unexpected("a digit")
	}
	if p.skip("eE") > 0 {
		p.skip("+-")
		if p.digits() == 0 {
			return nil, p.unexpected("a digit")
		}
	}
	text := p.text[start:p.at]
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errors.New("the number before is too large")
	}
	var buf [32]byte
	if len(text) >= shortNumber || text[0] == '-' || strings.ContainsAny(text, ".eE") {
		if string(appendNumber(buf[:0], n)) != text {
			p.written = strings.Clone(text)
		}
	}
	if p.options.BigAsString && math.Abs(n) >= 1<<53 && !strings.ContainsAny(text, ".eE") {
		p.written = strings.Clone(text)
		return lua.LString(p.written), nil
	}
	return lua.LNumber(n), nil
}

// shortNumber is the length from which a number may have more digits than Lua holds.
const shortNumber = 16

// skip skips the next byte if it is in set, and returns how many it skipped.
func (p *parser) skip(set string) int {
	if p.at < len(p.text) && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
		return 1
	}
	return 0
}

func (p *parser) digits() (n int) {
	for p.skip("0123456789") > 0 {
		n++
	}
	return n
}
