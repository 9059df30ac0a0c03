package url

import (
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// parse is url.parse(s).
func parse(L *lua.LState) int {
	u, err := read(L, L.CheckString(1))
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	t := L.CreateTable(0, 8)
	set := func(name, value string, there bool) {
		if there {
			t.RawSetString(name, lua.LString(value))
		}
	}
	password, guarded := u.User.Password()
	set("scheme", u.Scheme, u.Scheme != "")
	set("opaque", u.Opaque, u.Opaque != "")
	set("user", u.User.Username(), u.User != nil)
	set("password", password, guarded)
	set("host", u.Hostname(), u.Host != "")
	set("path", u.Path, true)
	raw := encoding(u.RawPath)
	set("raw_path", raw, raw != "" && raw != (&url.URL{Path: u.Path}).EscapedPath())
	set("query", u.RawQuery, u.RawQuery != "" || u.ForceQuery)
	set("fragment", u.Fragment, u.Fragment != "")
	if n, _ := port(u.Port()); n >= 0 {
		t.RawSetString("port", lua.LNumber(n))
	}
	L.Push(t)
	return 1
}

// encoding returns an encoded path in which bytes that no URL may contain are encoded, too. Go would encode a path with such bytes itself,
// and read an escaped slash in it as a slash.
func encoding(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		if c := raw[i]; c > ' ' && c < 0x7f && !strings.ContainsRune("\"<>\\^`{|}", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// port returns the number of a port, or -1 for none.
func port(text string) (int, error) {
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("url: the port is %q; allowed are 0 to 65535", text)
	}
	return int(n), nil
}

// parts is what url.build takes.
var parts = vm.Class{Name: "url.NewParts", Text: "the parts of a URL that is to be built", Fields: []vm.Doc{
	{Name: "fragment", Type: "string?", Text: "what follows #"},
	{Name: "host", Type: "string?", Text: "the host, without port, and an IPv6 address without brackets"},
	{Name: "opaque", Type: "string?", Text: "what follows the scheme of a URL such as `mailto:ann@example.com`"},
	{Name: "password", Type: "string?", Text: "the password before the host"},
	{Name: "path", Type: "string?", Text: "the path, decoded"},
	{Name: "port", Type: "number|string|nil", Text: "the port, a number"},
	{Name: "query", Type: "string|table<string, any>|nil", Text: "the query, encoded; for `url.build` a table of names and values, too"},
	{Name: "raw_path", Type: "string?", Text: "the path, encoded, where its encoding is not the usual one"},
	{Name: "scheme", Type: "string?", Text: "such as `https`"},
	{Name: "user", Type: "string?", Text: "the user before the host"},
}}

// build is url.build(parts).
func build(L *lua.LState) int {
	t := L.CheckTable(1)
	given := map[string]string{}
	t.ForEach(func(k, v lua.LValue) {
		name := k.String()
		switch {
		case !parts.Has(name):
			L.ArgError(1, fmt.Sprintf("a URL has no part %q; allowed are %s", name, parts.Names()))
		case name == "query" && v.Type() == lua.LTTable:
			given[name] = EncodeQuery(L, "", v.(*lua.LTable))
		case v.Type() == lua.LTString || name == "port" && v.Type() == lua.LTNumber:
			given[name] = v.String()
		default:
			L.ArgError(1, fmt.Sprintf("%s is a %s; expected a string", name, v.Type()))
		}
	})
	size := 0
	for v := range maps.Values(given) {
		size += len(v)
	}
	if size > maxURL {
		return vm.Fail(L, fmt.Sprintf("url: the parts have %d bytes; allowed are %d", size, maxURL))
	}
	vm.Spend(L, size/bytesPerStep)
	text, err := join(given)
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	return success(L, text)
}

// join returns the URL of some parts. It must read as the same parts again: a path that begins with // would become a
// host otherwise, and a query with # a fragment.
func join(given map[string]string) (string, error) {
	u := &url.URL{
		Scheme: strings.ToLower(given["scheme"]), Opaque: given["opaque"], Host: given["host"],
		RawQuery: given["query"], Fragment: given["fragment"],
	}
	_, u.ForceQuery = given["query"]
	if strings.Contains(u.Host, ":") {
		u.Host = "[" + u.Host + "]"
	}
	if text, ok := given["port"]; ok {
		_, hosted := given["host"]
		if n, err := port(text); err != nil || n < 0 || !hosted {
			return "", fmt.Errorf("url: the port is %q; allowed are 0 to 65535, with a host", text)
		}
		u.Host += ":" + text
	}
	user, named := given["user"]
	password, guarded := given["password"]
	switch {
	case guarded:
		u.User = url.UserPassword(user, password)
	case named:
		u.User = url.User(user)
	}
	if err := setPath(u, given); err != nil {
		return "", err
	}
	text := u.String()
	again, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("url: the parts make no URL: %w", err)
	}
	if !same(u, again) || strings.Contains(text, " ") {
		return "", fmt.Errorf("url: the parts make %q, which does not read as these parts", text)
	}
	return text, nil
}

// setPath sets the path of a URL, in the encoding that was given for it.
func setPath(u *url.URL, given map[string]string) error {
	path, plain := given["path"]
	u.Path = path
	raw, ok := given["raw_path"]
	if !ok {
		return nil
	}
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		return fmt.Errorf("url: raw_path: %w", err)
	}
	if plain && decoded != path {
		return fmt.Errorf("url: raw_path is %q, which is not the path %q", raw, path)
	}
	u.Path, u.RawPath = decoded, raw
	if u.EscapedPath() != raw {
		return fmt.Errorf("url: raw_path is %q; encoded it is %q", raw, u.EscapedPath())
	}
	return nil
}

// same reports whether two URLs have the same parts.
func same(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Opaque == b.Opaque && a.User.String() == b.User.String() && a.Host == b.Host &&
		a.Path == b.Path && a.EscapedPath() == b.EscapedPath() && a.RawQuery == b.RawQuery && a.Fragment == b.Fragment
}
