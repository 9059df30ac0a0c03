package stubs

import (
	"reflect"
	"regexp"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// writer writes annotations.
type writer struct{ strings.Builder }

// begin writes the beginning of a file for a module, or of none.
func begin(module string) *writer {
	w := new(writer)
	w.line(strings.TrimSpace("---@meta "+module) + "\n" + Header + "\n")
	return w
}

func (w *writer) line(text string) { w.WriteString(text + "\n") }

// comment writes what is said of something, and where more is said.
func (w *writer) comment(text, link string) {
	if text != "" {
		w.line("---" + linked(text, link) + "\n---")
	}
	if link != "" {
		w.line("---[documentation](" + address(link, link) + ")")
	}
}

// class writes a type. Its methods are those of a local variable, whose name may be given.
func (w *writer) class(class *vm.Class, variable string) {
	w.comment(class.Text, class.Link)
	if class.Alias != "" {
		w.line("---@alias " + class.Name + " " + typeText(class.Alias) + "\n")
		return
	}
	kind := "---@class (exact) "
	if len(class.Methods) > 0 || class.Keys != "" {
		kind = "---@class "
	}
	w.line(kind + class.Name)
	for i := range class.Fields {
		w.field(&class.Fields[i], class.Link)
	}
	if class.Keys != "" {
		for _, p := range read(class.Keys).Fields {
			w.line("---@field [" + p.Key.String() + "] " + p.Type.String())
		}
	}
	if len(class.Methods) == 0 {
		w.line("")
		return
	}
	if variable == "" {
		variable = identifier(class.Name)
	}
	w.line("local " + variable + " = {}\n")
	for i := range class.Methods {
		w.function(&class.Methods[i], class, variable+":", class.Link)
	}
}

// field writes a field of a class.
func (w *writer) field(doc *vm.Doc, link string) {
	t, name := must(signature.Parse(doc.Type)), doc.Name
	if t.Kind != signature.Named && t.Nilable() {
		name, t = name+"?", withoutNil(t)
	}
	w.line(strings.TrimSpace("---@field " + name + " " + text(t) + " " + linked(doc.Text, link)))
}

// variable writes a global that is no function.
func (w *writer) variable(doc *vm.Doc, link string) {
	w.comment(doc.Text, link)
	w.line("---@type " + typeText(doc.Type) + "\n" + doc.Name + " = {}\n")
}

// function writes a function, of a class or of none. Before its name stands what it is in.
func (w *writer) function(doc *vm.Doc, class *vm.Class, before, link string) {
	w.comment(doc.Text, link)
	params := must(signature.Params(doc.Args))
	results := must(signature.Results(doc.Returns))
	for _, overload := range overloads(params, results, class) {
		w.line("---@overload " + text(overload))
	}
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
		switch {
		case p.Name == signature.Variadic:
			w.line("---@param ... " + text(p.Type))
		case p.Optional:
			w.line("---@param " + p.Name + "? " + text(p.Type))
		default:
			w.line("---@param " + p.Name + " " + text(p.Type))
		}
	}
	if len(results) > 0 && !doc.Effect {
		w.line("---@nodiscard")
	}
	for _, r := range results {
		w.line(strings.TrimSpace("---@return " + text(r.Type) + " " + r.Name))
	}
	w.line("function " + before + doc.Name + "(" + strings.Join(names, ", ") + ") end\n")
}

// overloads returns the other ways in which a function can be called: without what may be left out in the middle, and without the object.
func overloads(params []signature.Param, results []signature.Result, class *vm.Class) (all []*signature.Type) {
	shorter := signature.Arrange(params, least(params))
	forms := [][]signature.Param{}
	if len(shorter) < len(params) && inMiddle(params) {
		forms = append(forms, shorter)
	}
	if class != nil {
		self := signature.Param{Name: "self", Type: &signature.Type{Name: class.Name}}
		for i, form := range forms {
			forms[i] = append([]signature.Param{self}, form...)
		}
		if class.Dot {
			forms = append(forms, params)
			if inMiddle(params) {
				forms = append(forms, shorter)
			}
		}
	}
	for _, form := range forms {
		all = append(all, &signature.Type{Kind: signature.Function, Fields: form, Results: results})
	}
	return all
}

func least(params []signature.Param) int {
	n, _ := signature.Required(params)
	return n
}

// inMiddle reports whether a parameter may be left out before others that are needed.
func inMiddle(params []signature.Param) bool {
	for i, p := range params {
		if p.Optional && least(params[i+1:]) > 0 {
			return true
		}
	}
	return false
}

// text writes a type as lua-language-server reads it. It is our own form but for the names of results.
func text(t *signature.Type) string { return renamed(t).String() }

// typeText writes a type that is not parsed yet.
func typeText(of string) string { return text(must(signature.Parse(of))) }

// renamed returns a type whose functions have results without names: the annotations write these otherwise, and they say little there.
func renamed(t *signature.Type) *signature.Type {
	out := *t
	out.Of, out.Fields, out.Results = nil, nil, nil
	for _, one := range t.Of {
		out.Of = append(out.Of, renamed(one))
	}
	for _, p := range t.Fields {
		if p.Type = renamed(p.Type); p.Key != nil {
			p.Key = renamed(p.Key)
		}
		out.Fields = append(out.Fields, p)
	}
	for _, r := range t.Results {
		if r.Type = renamed(r.Type); r.Name != signature.Variadic {
			r.Name = ""
		}
		out.Results = append(out.Results, r)
	}
	return &out
}

func read(keys string) *signature.Type { return must(signature.Parse("{" + keys + "}")) }

// must returns what was read. Files recovers from what a plugin says otherwise.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// withoutNil returns a union without nil.
func withoutNil(t *signature.Type) *signature.Type {
	out := &signature.Type{Kind: signature.Union}
	for _, one := range t.Of {
		if !one.Nilable() {
			out.Of = append(out.Of, one)
		}
	}
	if len(out.Of) == 1 {
		return out.Of[0]
	}
	return out
}

// identifier returns a name of Lua for a class.
func identifier(name string) string {
	return notName.ReplaceAllString(name[strings.LastIndexByte(name, '.')+1:], "_")
}

var (
	notName = regexp.MustCompile(`\W`)
	// page is a link to a page of the documents, or to a heading of the page that it stands on.
	page = regexp.MustCompile(`\]\(((?:[\w-]+\.md)?(?:#[\w-]+)?)\)`)
)

// linked returns a text whose links lead to the documents on the web. The page that it stands on is that of a link.
func linked(text, link string) string {
	text = strings.Join(strings.Fields(text), " ") // on one line
	return page.ReplaceAllStringFunc(text, func(found string) string {
		return "](" + address(page.FindStringSubmatch(found)[1], link) + ")"
	})
}

// address returns where a page is.
func address(link, on string) string {
	if strings.Contains(link, "://") {
		return link
	}
	if strings.HasPrefix(link, "#") {
		base, _, _ := strings.Cut(on, "#")
		link = base + link
	}
	return documents + link
}

// documents is where the documents are on the web.
var documents = func() string {
	module, _, _ := strings.Cut(reflect.TypeFor[reference.Reference]().PkgPath(), "/luaroute/reference")
	return "https://" + module + "/blob/main/docs/"
}()
