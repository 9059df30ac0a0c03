package signature

import (
	"fmt"
	"strings"
)

// Error says where a signature is malformed.
type Error struct {
	// Text is the signature, and At the offset of the byte where something else was expected.
	Text     string
	At       int
	Expected string
}

// Error returns the place, what was found there, and what was expected.
func (e *Error) Error() string {
	found := "its end"
	if e.At < len(e.Text) {
		rest := e.Text[e.At:]
		found = fmt.Sprintf("%q", rest[:min(len(rest), 20)])
	}
	return fmt.Sprintf("signature %q: byte %d: found %s; expected %s", e.Text, e.At+1, found, e.Expected)
}

// Params reads the parameters of a function.
func Params(text string) ([]Param, error) {
	return whole(text, func(p *parser) []Param { return p.params("") })
}

// Results reads the results of a function.
func Results(text string) ([]Result, error) {
	return whole(text, func(p *parser) []Result { return p.results("") })
}

// Parse reads a type.
func Parse(text string) (*Type, error) { return whole(text, (*parser).union) }

// maxDepth is how deep types may be nested.
const maxDepth = 50

// parser reads a signature. It stops at its first error.
type parser struct {
	text  string
	at    int
	depth int
}

func whole[T any](text string, read func(*parser) T) (out T, err error) {
	p := &parser{text: text}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			var none T
			out, err = none, r
		default:
			panic(r)
		}
	}()
	p.space()
	out = read(p)
	if p.at < len(p.text) {
		p.fail("the end")
	}
	return out, nil
}

func (p *parser) fail(expected string) { panic(&Error{p.text, p.at, expected}) }

func (p *parser) space() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// is reports whether a token comes next, without reading it.
func (p *parser) is(token string) bool { return strings.HasPrefix(p.text[p.at:], token) }

// take reads a token if it comes next.
func (p *parser) take(token string) bool {
	if !p.is(token) {
		return false
	}
	p.at += len(token)
	p.space()
	return true
}

func (p *parser) need(token string) {
	if !p.take(token) {
		p.fail(fmt.Sprintf("%q", token))
	}
}

// word reads a name, "" if none comes next.
func (p *parser) word() string {
	from := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (p.at == from || c < '0' || c > '9') {
			break
		}
		p.at++
	}
	word := p.text[from:p.at]
	p.space()
	return word
}

// ends reports whether a list is over: at the end of the signature, or before its closing bracket.
func (p *parser) ends(closing string) bool {
	return p.at == len(p.text) || closing != "" && p.is(closing)
}

// params reads parameters, or the fields of a table, up to the closing bracket.
func (p *parser) params(closing string) []Param {
	all := []Param{}
	for !p.ends(closing) {
		if len(all) > 0 {
			if all[len(all)-1].Name == Variadic {
				p.fail("nothing behind " + Variadic)
			}
			p.need(",")
		}
		var next Param
		switch {
		case closing == "}" && p.take("["):
			next.Key = p.union()
			p.need("]")
		case closing != "}" && p.take(Variadic):
			next.Name, next.Optional = Variadic, true
		default:
			if next.Name = p.word(); next.Name == "" {
				p.fail("a name")
			}
			for _, other := range all {
				if other.Name == next.Name {
					p.fail(fmt.Sprintf("another name than %q, which is there already,", next.Name))
				}
			}
			next.Optional = p.take("?")
		}
		p.need(":")
		next.Type = p.union()
		all = append(all, next)
	}
	return all
}

// results reads results, up to the closing bracket.
func (p *parser) results(closing string) []Result {
	all := []Result{}
	for !p.ends(closing) {
		if len(all) > 0 {
			if all[len(all)-1].Name == Variadic {
				p.fail("nothing behind " + Variadic)
			}
			p.need(",")
		}
		var next Result
		if p.take(Variadic) {
			p.need(":")
			next = Result{Variadic, p.union()}
		} else {
			next.Type = p.union()
			next.Name = p.word()
		}
		all = append(all, next)
	}
	return all
}

// union reads a type, without the duplicates of a union.
func (p *parser) union() *Type {
	p.depth++
	p.deep(p.depth)
	var all []*Type
	add := func(t *Type) {
		for _, other := range all {
			if other.String() == t.String() {
				return
			}
		}
		all = append(all, t)
	}
	for {
		t := p.postfixed()
		if t.Kind == Union {
			for _, one := range t.Of {
				add(one)
			}
		} else {
			add(t)
		}
		if !p.take("|") {
			break
		}
	}
	p.depth--
	if len(all) == 1 {
		return all[0]
	}
	return &Type{Kind: Union, Of: all}
}

// postfixed reads a type with what follows it: [] and ?.
func (p *parser) postfixed() *Type {
	t := p.single()
	for depth := p.depth; ; {
		if p.take("[]") {
			depth++
			p.deep(depth)
			t = &Type{Kind: List, Of: []*Type{t}}
			continue
		}
		if !p.take("?") {
			return t
		}
		null := &Type{Name: "nil"}
		switch {
		case t.Nilable():
		case t.Kind == Union:
			t = &Type{Kind: Union, Of: append(t.Of[:len(t.Of):len(t.Of)], null)}
		default:
			t = &Type{Kind: Union, Of: []*Type{t, null}}
		}
	}
}

// deep fails for a type that is nested too deep.
func (p *parser) deep(depth int) {
	if depth > maxDepth {
		p.fail(fmt.Sprintf("at most %d types in one another", maxDepth))
	}
}

// single reads a type without what may follow it.
func (p *parser) single() *Type {
	switch {
	case p.take("("):
		t := p.union()
		p.need(")")
		return t
	case p.take("{"):
		fields := p.params("}")
		p.need("}")
		return &Type{Kind: Fields, Fields: fields}
	case p.is(`"`):
		end := strings.IndexByte(p.text[p.at+1:], '"')
		if end < 0 {
			p.fail("a text that ends with a quote")
		}
		text := p.text[p.at+1 : p.at+1+end]
		p.at += end + len(`""`)
		p.space()
		return &Type{Kind: Text, Name: text}
	}
	name := p.word()
	switch {
	case name == "":
		p.fail("a type")
	case name == "fun" && p.take("("):
		return p.function()
	case name == "table" && p.take("<"):
		t := &Type{Kind: Map, Of: []*Type{p.union(), nil}}
		p.need(",")
		t.Of[1] = p.union()
		p.need(">")
		return t
	}
	for p.take(".") {
		part := p.word()
		if part == "" {
			p.fail("a name behind the dot")
		}
		name += "." + part
	}
	return &Type{Name: name}
}

// function reads a function, from after its bracket.
func (p *parser) function() *Type {
	t := &Type{Kind: Function, Fields: p.params(")"), Results: []Result{}}
	p.need(")")
	if !p.take(":") {
		return t
	}
	if before := *p; p.take("(") {
		t.Results = p.results(")")
		p.need(")")
		if p.at == len(p.text) || !strings.ContainsRune("|?[", rune(p.text[p.at])) || len(t.Results) != 1 {
			return t
		}
		*p = before // the brackets are those of a type
	}
	t.Results = []Result{{Type: p.union()}}
	return t
}
