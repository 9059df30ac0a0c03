package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/textproto"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/allow"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/apikey"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/basic"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// identityBindings are policies that find out who a request is from.
var identityBindings = []Binding{
	{Make: (*Load).keys, Doc: vm.Doc{
		Name: "keys", Args: "options: luaroute.KeysOptions", Returns: "luaroute.Middleware",
		Text: "asks for an [API key](identity.md#api-keys), and answers 401 without one that is known",
	}},
	{Make: (*Load).allow, Doc: vm.Doc{
		Name: "allow", Args: "options: luaroute.AllowOptions", Returns: "luaroute.Middleware",
		Text: "answers 403 unless the consumer of `route.keys`, or the token of `idp:bearer`, is in [one of some groups](identity.md#roles-to-routes)",
	}},
	{Make: (*Load).basic, Doc: vm.Doc{
		Name: "basic", Args: "options: luaroute.BasicOptions", Returns: "luaroute.Middleware",
		Text: "asks for a name and a [password](identity.md#passwords), as Caddy's `http_basic` does",
	}},
}

// identityClasses describes their options.
var identityClasses = []vm.Class{keysOptions, allowOptions, basicOptions}

var keysOptions = vm.Class{Name: "luaroute.KeysOptions", Link: "identity.md#api-keys", Text: "options of `route.keys`", Fields: []vm.Doc{
	{Name: "from", Type: "string?", Text: "where requests have the key: `header:NAME`, `cookie:NAME` or `query:NAME`; default `header:X-Api-Key`. In `header:Authorization` it stands behind the scheme Bearer"},
	{Name: "consumers", Type: "table[]?", Text: "a list of `{ name = …, key = … }` with any other fields; `key` may be a list, and keys have 16 to 512 bytes"},
	{Name: "file", Type: "string?", Text: "a file of JSON with that list, beside the script. It is watched as scripts are"},
	{Name: "hash", Type: `"sha256"|nil`, Text: "`sha256`: keys are written as their SHA-256, 64 hexadecimal digits"},
	{Name: "set", Type: "table?", Text: "header fields of the request, and the fields of the consumer they are set to: `{ [\"X-User\"] = \"name\" }`. What the client sends in these is removed, always"},
	{Name: "keep", Type: "boolean?", Text: "`true` leaves the key in the request, which else goes on without it"},
	{Name: "realm", Type: "string?", Text: "what the challenge of a refusal calls the site"},
}}

var allowOptions = vm.Class{Name: "luaroute.AllowOptions", Link: "identity.md#roles-to-routes", Text: "options of `route.allow`", Fields: []vm.Doc{
	{Name: "groups", Type: "string|string[]", Text: "the groups of which one suffices"},
	{Name: "field", Type: "string?", Text: "the field of a consumer, or the claim of a token, that has the groups; default `groups`. It may be a path, such as `realm_access.roles`"},
}}

var basicOptions = vm.Class{Name: "luaroute.BasicOptions", Link: "identity.md#passwords", Text: "options of `route.basic`", Fields: []vm.Doc{
	{Name: "users", Type: "table", Text: "names, and hashes of passwords as `crypto.password` or `caddy hash-password` make them"},
	{Name: "realm", Type: "string?", Text: "what browsers call the site when they ask; default `restricted`"},
}}

// keys is route.keys{…}.
func (l *Load) keys(L *lua.LState) int {
	o := option.Of(L, "route.keys", L.CheckTable(1), &keysOptions)
	hashed := o.Has("hash")
	if hashed && o.Text("hash") != "sha256" {
		o.Fail("hash", `"sha256"`)
	}
	c := apikey.Config{Keep: o.Flag("keep"), Realm: o.Text("realm"), At: l.Here(L, "keys", "")}
	from := o.Text("from")
	if from == "" {
		from = "header:X-Api-Key"
	}
	var err error
	if c.From, err = credential.Parse(from, "Bearer"); err != nil {
		L.RaiseError("route.keys: from: %s", err)
	}
	c.At.Text = c.From.String()
	if o.Has("file") == o.Has("consumers") {
		L.RaiseError("route.keys: expected either consumers or file")
	}
	if o.Has("file") {
		err = l.keysOf(L, &c, o.Text("file"), hashed)
	} else {
		err = l.keysIn(L, &c, o.Sub("consumers"), hashed)
	}
	if err != nil {
		L.RaiseError("route.keys: %s", err)
	}
	set := o.StringMap("set")
	for _, name := range slices.Sorted(maps.Keys(set)) {
		c.Set = append(c.Set, apikey.Header{Name: textproto.CanonicalMIMEHeaderKey(name), Field: set[name]})
	}
	m, err := apikey.New(c)
	o.Check(err)
	return push(L, m)
}

// keysOf reads consumers from a file.
func (l *Load) keysOf(L *lua.LState, c *apikey.Config, file string, hashed bool) error {
	text, err := l.Data(L, file)
	if err == nil {
		vm.Spend(L, len(text))
		c.Consumers, err = apikey.Parse(text, hashed, apikey.JSON)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// keysIn reads consumers from a table.
func (l *Load) keysIn(L *lua.LState, c *apikey.Config, table *lua.LTable, hashed bool) error {
	text, err := luajson.Encode(L, table)
	if err != nil {
		return fmt.Errorf("consumers: %w", err)
	}
	vm.Spend(L, len(text))
	if string(text) == "{}" {
		text = []byte("[]") // nobody has a key
	}
	if c.Consumers, err = apikey.Parse(text, hashed, apikey.Lua); err != nil {
		return fmt.Errorf("consumers%w", err)
	}
	return nil
}

// allow is route.allow{…}.
func (l *Load) allow(L *lua.LState) int {
	o := option.Of(L, "route.allow", L.CheckTable(1), &allowOptions)
	m := &allow.Middleware{Groups: o.Texts("groups"), Field: o.Text("field")}
	if len(m.Groups) == 0 {
		o.Fail("groups", "a list of names")
	}
	if m.Field == "" {
		m.Field = "groups"
	}
	groups, _ := json.Marshal(m.Groups) // strings only
	m.At = l.Here(L, "allow", string(groups))
	return push(L, m)
}

// basic is route.basic{…}.
func (l *Load) basic(L *lua.LState) int {
	o := option.Of(L, "route.basic", L.CheckTable(1), &basicOptions)
	m, err := basic.New(o.StringMap("users"), o.Text("realm"), l.Here(L, "basic", ""))
	o.Check(err)
	return push(L, m)
}
