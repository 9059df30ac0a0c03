// Package url is the library `url` for scripts: URLs, their parts, escapes and queries. Its bindings describe its functions.
//
// The parts are scheme, user, password, host (without port, and an IPv6 address without brackets), port (a number), path
// (decoded), raw_path (where its encoding is not the usual one), query (encoded), fragment, and opaque for
// URLs such as mailto:ann@example.com. Only path is always there. build takes query as a table too.
//
// A URL has at most 64 KiB, other strings 16 MiB. Wrong types and unknown parts raise.
package url

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// bytesPerStep is the work of one step of a budget.
	bytesPerStep = 8
	// callSteps is the fixed cost of a call.
	callSteps = 10
	// maxURL is the size of the largest URL, in bytes.
	maxURL = 64 << 10
	// maxText is the size of the largest string that is read or made, in bytes.
	maxText = 16 << 20
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("url")` of scripts: URLs, their parts, escapes and queries. It has no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.url", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table.
func (Library) Open(*lua.LState) lua.LValue { return bindings.Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings.Docs() }

// Classes describes the types that Docs names.
func (Library) Classes() []vm.Class {
	parsed := vm.Class{Name: "url.Parts", Text: "the parts of a URL that was read"}
	for _, part := range parts.Fields {
		switch part.Name {
		case "path": // which is always there
			part.Type = "string"
		case "port":
			part.Type = "number?"
		case "query":
			part.Type, part.Text = "string?", "the query, encoded"
		}
		parsed.Fields = append(parsed.Fields, part)
	}
	return []vm.Class{parts, parsed}
}

var bindings = vm.Bindings{
	{Fn: parse, Doc: vm.Doc{
		Name: "parse", Args: "s: string", Returns: "url.Parts? parts, string? err",
		Text: "a table of the parts, or `nil, error`",
	}},
	{Fn: build, Doc: vm.Doc{
		Name: "build", Args: "parts: url.NewParts|url.Parts", Returns: "string? url, string? err",
		Text: "the URL of such a table, or `nil, error` if no URL reads as these parts",
	}},
	{Fn: resolve, Doc: vm.Doc{
		Name: "resolve", Args: "base: string, reference: string", Returns: "string? url, string? err",
		Text: "the URL of a reference relative to `base`, or `nil, error`",
	}},
	{Fn: escape, Doc: vm.Doc{
		Name: "escape", Args: "s: string", Returns: "string",
		Text: "the string with all but letters, digits and `-_.~` as `%XX`",
	}},
	{Fn: unescape, Doc: vm.Doc{
		Name: "unescape", Args: "s: string", Returns: "string? decoded, string? err",
		Text: "the string with `%XX` decoded, or `nil, error`; a `+` stays",
	}},
	{Fn: escapePath, Doc: vm.Doc{
		Name: "escape_path", Args: "s: string", Returns: "string",
		Text: "the same for a whole path: slashes and whatever else a path may contain stay",
	}},
	{Fn: parseQuery, Doc: vm.Doc{
		Name: "parse_query", Args: "s: string", Returns: "table<string, string|string[]>",
		Text: "a table of names and values, read as [`req.query`](#req) is; several values are a list",
	}},
	{Fn: buildQuery, Doc: vm.Doc{
		Name: "build_query", Args: "table: table<string, any>", Returns: "string",
		Text: "the query of such a table, sorted by name",
	}},
}

// read parses a URL.
func read(L *lua.LState, text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("url: it has %d bytes; allowed are %d", len(text), maxURL)
	}
	vm.Spend(L, callSteps+len(text)/bytesPerStep)
	vm.Charge(L, len(text))
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if strings.Contains(u.Hostname(), ":") && u.Host[0] != '[' { // which Go lets pass for schemes other than http
		return nil, fmt.Errorf("url: the host is %q; an IPv6 address must be in brackets", u.Host)
	}
	if _, zone, _ := strings.Cut(u.Hostname(), "%"); strings.Contains(u.Hostname(), ":") && strings.ContainsFunc(zone, beyondASCII) {
		return nil, fmt.Errorf("url: the host is %q; the zone of an IPv6 address must be ASCII", u.Host) // Go cannot read what it writes for others
	}
	if _, err := port(u.Port()); err != nil {
		return nil, err
	}
	return u, nil
}

func beyondASCII(r rune) bool { return r >= utf8.RuneSelf }

// resolve is url.resolve(base, ref).
func resolve(L *lua.LState) int {
	base, err := read(L, L.CheckString(1))
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	ref, err := read(L, L.CheckString(2))
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	return success(L, base.ResolveReference(ref).String())
}

const upperHex = "0123456789ABCDEF"

// unreserved are the bytes that are never escaped, those of RFC 3986.
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"

var kept = func() (kept [256]bool) {
	for _, c := range []byte(unreserved) {
		kept[c] = true
	}
	return kept
}()

// escape is url.escape(s).
func escape(L *lua.LState) int {
	s := checked(L)
	size := len(s)
	for i := range len(s) {
		if !kept[s[i]] {
			size += 2
		}
	}
	tooLarge(L, size)
	out := make([]byte, 0, size)
	for i := range len(s) {
		if c := s[i]; kept[c] {
			out = append(out, c)
		} else {
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return success(L, string(out))
}

// unescape is url.unescape(s).
func unescape(L *lua.LState) int {
	s, err := url.PathUnescape(checked(L))
	if err != nil {
		return vm.Fail(L, fmt.Sprintf("url: %v", err))
	}
	return success(L, s)
}

// escapePath is url.escape_path(s).
func escapePath(L *lua.LState) int {
	return success(L, (&url.URL{Path: checked(L)}).EscapedPath())
}

// checked returns the string that is the first argument.
func checked(L *lua.LState) string {
	s := L.CheckString(1)
	tooLarge(L, len(s))
	vm.Spend(L, len(s)/bytesPerStep)
	vm.Charge(L, len(s))
	return s
}

// tooLarge raises if a string has too many bytes.
func tooLarge(L *lua.LState, size int) {
	if size > maxText {
		L.RaiseError("the string is too large; allowed are %d bytes", maxText)
	}
}

// success pushes a string that was made.
func success(L *lua.LState, s string) int {
	vm.Spend(L, callSteps+len(s)/bytesPerStep)
	tooLarge(L, len(s))
	vm.Charge(L, len(s))
	L.Push(lua.LString(s))
	return 1
}

// Interface guards
var (
	_ vm.Documented = Library{}
	_ vm.Classified = Library{}
)
