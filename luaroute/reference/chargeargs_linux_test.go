//go:build !race

package reference_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// shaped is a value, made anew for each call, and what it is like.
type shaped struct {
	shape string
	make  func() lua.LValue
}

// listOf is a list in JSON of so many bytes.
func listOf(size int) string { return "[" + strings.Repeat("1,", size/2) + "1]" }

// texts are large strings. Each is what some function reads.
var texts = func() map[string]string {
	encoded := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	of := func(s string) string { return strings.Repeat(s, large/len(s)) }
	return map[string]string{
		"letters": of("x"), "digits": of("9"), "blanks": of(" "), "quotes": of(`"\`), "escapes": of("%41"), "per cents": of("%%"), "high bytes": of("\xff"),
		"pairs": of("a=b&"), "names": of("abc=&"), "base64": of("QUFB"), "optional": of("a?"), "groups": of("()"), "alternatives": of("x|y"),
		"JSON string": `"` + of("x") + `"`, "JSON list": listOf(large), "JSON object": `{"a":[` + of(`{"a":"b"},`) + `1]}`,
		"number": "0x" + of("f"), "sealed": "v1." + of("QUFB"), "placeholders": of("{a}"), "http": "http://h/" + of("a/../"),
		"token": encoded(`{"alg":"HS256","x":"`+of("x")+`"}`) + "." + encoded(listOf(large)) + "." + of("QUFB"),
		"PEM":   "-----BEGIN CERTIFICATE-----\n" + of("QUFB") + "\n-----END CERTIFICATE-----\n",
	}
}()

// smallTexts are what parameters get that others are called for, by function or by name.
var smallTexts = func() map[string]string {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return map[string]string{
		"crypto.sign.algorithm": "EdDSA", "crypto.verify.algorithm": "EdDSA",
		"crypto.sign.key":   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"crypto.verify.key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"key":               strings.Repeat("k", 32), "secret": strings.Repeat("k", 32), "layout": "%Y", "zone": "UTC", "pattern": "(x)", "location": "/a",
	}
}()

// someNames are many, and alikeNames few that are long and differ at the end.
var someNames, alikeNames = func() (some, alike []string) {
	for i := range many {
		some = append(some, fmt.Sprintf("n%d", i))
	}
	for i := range 1000 {
		alike = append(alike, strings.Repeat("n", 4000)+fmt.Sprint(i))
	}
	return some, alike
}()

// generator makes arguments for the parameters of a function.
type generator struct {
	r     *reference.Reference
	where string // holder.name
}

// likeGet are the methods of HTTP whose functions are made as that of GET is.
var likeGet = []string{"head", "put", "patch", "delete", "options", "trace", "connect"}

// callsOf returns calls of the functions that are described.
func callsOf(t *testing.T, r *reference.Reference, holder string, docs []vm.Doc) (calls []callOf) {
	t.Helper()
	for _, doc := range docs {
		if doc.Type != "" || (holder == "http" || holder == reference.ModuleName) && slices.Contains(likeGet, doc.Name) {
			continue
		}
		params, err := signature.Params(doc.Args)
		if err != nil {
			t.Fatal(err)
		}
		g := generator{r, holder + "." + doc.Name}
		with := func(shape string, args []func() lua.LValue) {
			calls = append(calls, callOf{holder, doc.Name, shape, args})
		}
		with("what is small", g.args(params, -1, nil))
		for i, param := range params {
			for _, big := range g.large(param.Type, 0) {
				with(param.Name+" of "+big.shape, g.args(params, i, big.make))
			}
		}
		if len(params) > 1 { // all at once, for those that compare
			for _, big := range g.large(params[0].Type, 0) {
				args := g.args(params, 0, big.make)
				for i := range params[:len(args)] {
					if params[i].Type.String() == params[0].Type.String() {
						args[i] = big.make
					}
				}
				with("all of "+big.shape, args)
			}
		}
	}
	return calls
}

// args returns one large argument, and small ones for the others that it needs.
func (g generator) args(params []signature.Param, at int, big func() lua.LValue) (args []func() lua.LValue) {
	for i, param := range params {
		rest, _ := signature.Required(params[i:])
		switch {
		case param.Name == signature.Variadic && i == at:
			for range 3 {
				args = append(args, big)
			}
		case param.Name == signature.Variadic:
		case i == at:
			args = append(args, big)
		case i < at || rest > 0:
			args = append(args, func() lua.LValue { return g.small(param.Name, param.Type) })
		}
	}
	return args
}

// class returns the type that a name stands for.
func (g generator) class(name string) (alias *signature.Type, class *vm.Class) {
	class = g.r.Class(name)
	if class != nil && class.Alias != "" {
		alias, err := signature.Parse(class.Alias)
		if err != nil {
			panic(err)
		}
		return alias, nil
	}
	return nil, class
}

func nothing(*lua.LState) int { return 0 }

// small returns a small value of a type.
func (g generator) small(name string, typ *signature.Type) lua.LValue {
	for _, key := range []string{g.where + "." + name, name} {
		if text, ok := smallTexts[key]; ok {
			return lua.LString(text)
		}
	}
	switch typ.Kind {
	case signature.Text:
		return lua.LString(typ.Name)
	case signature.Union:
		return g.small(name, typ.Of[0])
	case signature.Function:
		return vm.GoFunc(nothing)
	case signature.List, signature.Map, signature.Fields:
		return gopher.NewTable(0, 0)
	}
	switch typ.Name {
	case "string", "any":
		return lua.LString("x")
	case "number", "integer":
		return lua.LNumber(1)
	case "boolean", "true":
		return lua.LTrue
	case "function":
		return vm.GoFunc(nothing)
	case "nil", "userdata", "thread":
		return lua.LNil
	}
	if alias, class := g.class(typ.Name); alias != nil {
		return g.small(name, alias)
	} else if class != nil {
		return g.object(class, "", nil)
	}
	return gopher.NewTable(0, 0)
}

// object returns a table of the fields that a class needs, and perhaps one more.
func (g generator) object(class *vm.Class, name string, big func() lua.LValue) *lua.LTable {
	t := gopher.NewTable(0, 0)
	for _, doc := range class.Fields {
		typ, err := signature.Parse(doc.Type)
		if err != nil {
			panic(err)
		}
		if !typ.Nilable() {
			t.RawSetString(doc.Name, g.small(doc.Name, typ))
		}
	}
	if big != nil {
		t.RawSetString(name, big())
	}
	return t
}

// large returns large values of a type.
func (g generator) large(typ *signature.Type, depth int) (all []shaped) {
	if depth > 1 {
		return nil
	}
	switch typ.Kind {
	case signature.Union:
		for _, one := range typ.Of {
			all = append(all, g.large(one, depth)...)
		}
		return all
	case signature.List:
		return g.lists(typ.Of[0], depth)
	case signature.Map:
		return append(g.lists(typ.Of[1], depth), g.maps(typ.Of[1], depth)...)
	case signature.Fields:
		for _, param := range typ.Fields {
			if param.Key != nil {
				all = append(all, append(g.lists(param.Type, depth), g.maps(param.Type, depth)...)...)
			}
		}
		return all
	case signature.Text, signature.Function:
		return nil
	}
	switch typ.Name {
	case "string":
		for shape, text := range texts {
			if depth > 0 && shape != "letters" && shape != "escapes" {
				continue // in tables each is one of many
			}
			all = append(all, shaped{shape, func() lua.LValue { return lua.LString(text) }})
		}
		return all
	case "number", "integer":
		for _, n := range []lua.LNumber{1e4, 1e6, 1e15, -1e6} {
			all = append(all, shaped{n.String(), func() lua.LValue { return n }})
		}
		return all
	case "table", "any":
		one := &signature.Type{Name: "string"}
		all = append(g.lists(one, depth), g.maps(one, depth)...)
		if typ.Name == "any" {
			all = append(all, g.large(one, depth)...)
		}
		return append(all, shaped{"a deep table", func() lua.LValue {
			t := gopher.NewTable(0, 0)
			for range many {
				outer := gopher.NewTable(0, 0)
				outer.Append(t)
				t = outer
			}
			return t
		}})
	}
	alias, class := g.class(typ.Name)
	switch {
	case alias != nil:
		return g.large(alias, depth)
	case class == nil:
		return nil
	case class.Keys != "":
		return append(g.lists(&signature.Type{Name: "string"}, depth), g.maps(&signature.Type{Name: "string"}, depth)...)
	}
	for _, doc := range class.Fields {
		fieldType, err := signature.Parse(doc.Type)
		if err != nil {
			panic(err)
		}
		for _, big := range g.large(fieldType, depth+1) {
			all = append(all, shaped{"a " + doc.Name + " of " + big.shape, func() lua.LValue { return g.object(class, doc.Name, big.make) }})
		}
	}
	return all
}

// lists returns a list of many, and one of a large value.
func (g generator) lists(of *signature.Type, depth int) []shaped {
	all := []shaped{{"many", func() lua.LValue {
		t := gopher.NewTable(0, 0)
		for i := range many {
			v := g.small("", of)
			if v.Type() == lua.LTString {
				v = lua.LString(fmt.Sprintf("%05d", many-i))
			}
			t.Append(v)
		}
		return t
	}}}
	for _, big := range g.large(of, depth+1) {
		all = append(all, shaped{"a list of " + big.shape, func() lua.LValue {
			t := gopher.NewTable(0, 0)
			t.Append(big.make())
			return t
		}})
	}
	return all
}

// maps returns a table of many names, one with a long name, one of long names that begin alike, and one of a large value.
func (g generator) maps(of *signature.Type, depth int) []shaped {
	names := func(shape string, names ...string) shaped {
		return shaped{shape, func() lua.LValue {
			t := gopher.NewTable(0, 0)
			for _, name := range names {
				t.RawSetString(name, g.small("", of))
			}
			return t
		}}
	}
	all := []shaped{names("many names", someNames...), names("names that begin alike", alikeNames...), names("a long name", texts["letters"])}
	for _, big := range g.large(of, depth+1) {
		all = append(all, shaped{"a value of " + big.shape, func() lua.LValue {
			t := gopher.NewTable(0, 0)
			t.RawSetString("name", big.make())
			return t
		}})
	}
	return all
}
