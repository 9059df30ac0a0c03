package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// misspeller makes calls with something misspelt of all that is described.
type misspeller struct {
	t       *testing.T
	classes map[string]vm.Class
	cases   map[string]string // what was meant, by the code
}

func (m *misspeller) parse(text string) *signature.Type {
	t, err := signature.Parse(text)
	if err != nil {
		m.t.Fatal(err)
	}
	return t
}

// function adds a call of a function by a name that is none, and calls with options that are none.
func (m *misspeller) function(object, separator string, doc vm.Doc) {
	m.cases[object+separator+doc.Name+doc.Name[len(doc.Name)-1:]+"(any)"] = doc.Name
	text := doc.Type
	if text == "" {
		text = fmt.Sprintf("fun(%s): (%s)", doc.Args, doc.Returns)
	}
	fn := m.parse(text)
	if fn.Kind != signature.Function {
		return
	}
	for i, param := range fn.Fields {
		if param.Name != signature.Variadic {
			call := object + separator + doc.Name + "(" + strings.Repeat("any, ", i) + "%s"
			for _, next := range fn.Fields[i+1:] {
				if !next.Optional && next.Name != signature.Variadic {
					call += ", any"
				}
			}
			call += ")"
			m.options(param.Type, call, nil)
		}
	}
}

// options adds calls with a table of options in which one is misspelt, also those inside of one another.
func (m *misspeller) options(of *signature.Type, call string, around []string) {
	if of == nil || len(around) > 4 {
		return
	}
	switch of.Kind {
	case signature.Union:
		for _, one := range of.Of {
			m.options(one, call, around)
		}
	case signature.List:
		m.options(of.Of[0], fmt.Sprintf(call, "{ %s }"), around)
	case signature.Fields:
		for _, field := range of.Fields {
			if field.Key == nil {
				m.option(field.Name, field.Type, call, around, false)
			} else if field.Key.Name == "integer" {
				m.options(field.Type, fmt.Sprintf(call, "{ %s }"), around)
			}
		}
	case signature.Named:
		c, ok := m.classes[of.Name]
		if !ok || slices.Contains(around, c.Name) || len(c.Methods) > 0 {
			return
		}
		if c.Alias != "" {
			m.options(m.parse(c.Alias), call, around)
			return
		}
		around = append(slices.Clip(around), c.Name)
		for _, field := range append(slices.Clip(c.Fields), m.classes[c.Of].Fields...) {
			m.option(field.Name, m.parse(field.Type), call, around, c.Keys != "")
		}
	}
}

func (m *misspeller) option(name string, of *signature.Type, call string, around []string, others bool) {
	const short = 6 // where other keys may be, too, they are not taken for slips
	if !others || len(name) > short {
		m.cases[fmt.Sprintf(call, "{ "+name+name[len(name)-1:]+" = any }")] = name
	}
	m.options(of, fmt.Sprintf(call, "{ "+name+" = %s }"), around)
}

func TestEachNameAndOptionThatIsDescribedIsFoundWhereItIsMisspelt(t *testing.T) {
	t.Parallel()
	r := reference.Build()
	m := &misspeller{t: t, classes: map[string]vm.Class{}, cases: map[string]string{}}
	for _, class := range r.Classes {
		m.classes[class.Name] = class
	}
	for _, doc := range r.Router().Methods {
		m.function("route", ":", doc)
	}
	for _, lib := range r.Libraries {
		for _, doc := range lib.Docs {
			m.function(fmt.Sprintf("require(%q)", lib.Name), ".", doc)
		}
	}
	known := api(t)
	var missed []string
	for code, meant := range m.cases {
		found := looked(t, known, map[string]string{"main.lua": `local route = require("luaroute")
return function(any) return ` + code + ` end`})
		if !slices.ContainsFunc(found, func(f lint.Finding) bool {
			return f.Line == 2 && strings.HasSuffix(f.Message, fmt.Sprintf("did you mean %q?", meant))
		}) {
			missed = append(missed, fmt.Sprintf("%s: %q, found %v", code, meant, found))
		}
	}
	slices.Sort(missed)
	if len(m.cases) < 500 || len(missed) > 0 {
		t.Errorf("%d of %d are not found:\n%s", len(missed), len(m.cases), strings.Join(missed, "\n"))
	}
}
