package http

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/luaroute/call"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	luaurl "github.com/luaroute/caddy-luaroute/luaroute/lib/url"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// settings are what a request is made of: the defaults, those of a client, and those of the call.
type settings struct {
	call.Request
	client *call.Client
	pool   string
	cache  *caching // nil for none
	params string   // of the query option, encoded
	share  *shared  // with the other requests of http.all; nil for one alone
}

// maxTimeout is how long a call may take, if the limit wall allows it.
const maxTimeout = time.Hour

// mostBody returns how large a body may be: an eighth of the memory of a virtual machine, and no larger than a string.
func mostBody(L *lua.LState) int64 {
	if s := vm.Of(L); s != nil {
		return min(s.Memory()/8, vm.MaxString)
	}
	return call.DefaultMaxBody
}

// request reads the options of http.request, which are in an argument.
func (o *owner) request(L *lua.LState, what string, arg int, s *settings) *settings {
	s.read(L, what, L.CheckTable(arg), &requestClass)
	if s.URL == "" {
		L.RaiseError("%s: url is missing; expected a string", what)
	}
	return s
}

// read reads options over those that are there.
func (s *settings) read(L *lua.LState, what string, table *lua.LTable, class *vm.Class) {
	if table == nil {
		return
	}
	t := option.Of(L, what, table, class)
	if t.Has("method") {
		s.Method = t.Text("method")
		if err := field.CheckMethod(s.Method); err != nil {
			L.RaiseError("%s: %s", what, err)
		}
		if s.Method == http.MethodConnect {
			L.RaiseError("%s: CONNECT makes a tunnel, which a call cannot", what)
		}
	}
	if t.Has("url") {
		s.URL = t.Text("url")
	}
	if t.Has("timeout") {
		n, ok := t.Value("timeout").(lua.LNumber)
		if !ok || !(n >= 0.001 && float64(n) <= maxTimeout.Seconds()) {
			t.Fail("timeout", fmt.Sprintf("seconds from 0.001 to %v", maxTimeout.Seconds()))
		}
		s.Timeout = time.Duration(float64(n) * float64(time.Second))
	}
	if size := int64(t.Size("max_body")); size > 0 {
		if most := mostBody(L); size > most {
			t.Fail("max_body", fmt.Sprintf("at most %d bytes, an eighth of the limit memory", most))
		}
		s.MaxBody = size
	}
	s.Redirects = upTo(t, "redirects", call.MaxRedirects, s.Redirects)
	s.Retries = upTo(t, "retries", call.MaxRetries, s.Retries)
	s.Sensitive = append(slices.Clip(s.Sensitive), t.Texts("sensitive")...)
	if t.Has("pool") {
		s.pool = t.Text("pool")
	}
	s.headers(t, "headers")
	s.query(t)
	s.body(t)
	s.caching(t)
	if s.pool != "" && (s.Redirects > 0 || s.Retries > 0) {
		L.RaiseError("%s: with a pool there are no redirects and retries: the pool has its own", what)
	}
}

// upTo returns a whole number.
func upTo(t option.Table, name string, most, missing int) int {
	if !t.Has(name) {
		return missing
	}
	n := t.Integer(name)
	if n < 0 || n > most {
		t.Fail(name, fmt.Sprintf("a whole number from 0 to %d", most))
	}
	return n
}

// connectionFields belong to one connection, or follow from the body.
var connectionFields = []string{
	"Connection", "Content-Length", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// headers reads header fields.
func (s *settings) headers(t option.Table, name string) {
	table := t.Sub(name)
	if table == nil {
		return
	}
	all := s.Header.Clone()
	if all == nil {
		all = http.Header{}
	}
	size := 0
	table.ForEach(func(k, v lua.LValue) {
		name, ok := k.(lua.LString)
		if !ok {
			t.L.RaiseError("%s: headers: a name is %s; expected a string", t.What, option.Found(k))
		}
		vm.Spend(t.L, 2+len(name)/8) // its letters are changed, and checked
		vm.SpendReading(t.L, v)
		key, values := textproto.CanonicalMIMEHeaderKey(string(name)), headerValues(t, string(name), v)
		err := field.Check(key, values...)
		switch {
		case slices.Contains(connectionFields, key):
			err = fmt.Errorf("header %s: it belongs to the connection and cannot be set", key)
		case key == "Host":
			err = field.CheckHost(values...)
		}
		if size += field.SizeOf(key, values); err == nil {
			err = field.CheckSize(size)
		}
		if err != nil {
			t.L.RaiseError("%s: %s", t.What, err)
		}
		all[key] = values
	})
	s.Header = all
}

// headerValues returns the values of a field.
func headerValues(t option.Table, name string, v lua.LValue) []string {
	one := func(v lua.LValue) string {
		switch v.Type() {
		case lua.LTString, lua.LTNumber, lua.LTBool:
			return v.String()
		}
		t.L.RaiseError("%s: header %s is %s; expected a string, a number, a boolean, or a list of them", t.What, field.Quote(name), option.Found(v))
		return ""
	}
	list, ok := v.(*lua.LTable)
	if !ok {
		return []string{one(v)}
	}
	values := make([]string, 0, min(vm.Length(t.L, list), 100))
	for i := 1; i <= list.Len(); i++ {
		vm.Spend(t.L, 2)
		values = append(values, one(list.RawGetInt(i)))
	}
	return values
}

// query reads parameters.
func (s *settings) query(t option.Table) {
	table := t.Sub("query")
	if table == nil {
		return
	}
	params := luaurl.EncodeQuery(t.L, t.What+": query", table)
	if s.params != "" && params != "" {
		params = s.params + "&" + params
	}
	s.params = params
}

// withParams returns the URL with the parameters behind its own.
func (s *settings) withParams() string {
	if s.params == "" {
		return s.URL
	}
	url, fragment, _ := strings.Cut(s.URL, "#")
	switch {
	case !strings.Contains(url, "?"):
		url += "?"
	case !strings.HasSuffix(url, "?"):
		url += "&"
	}
	if url += s.params; fragment != "" {
		url += "#" + fragment
	}
	return url
}

// body reads the body, in one of its forms.
func (s *settings) body(t option.Table) {
	given, kind := "", ""
	for _, name := range []string{"body", "json", "form"} {
		if !t.Has(name) {
			continue
		}
		if given != "" {
			t.L.RaiseError("%s: there is %s and %s; expected one of them", t.What, given, name)
		}
		given = name
	}
	switch given {
	case "":
		return
	case "body":
		s.Body = t.Text("body")
	case "json":
		text, err := luajson.Encode(t.L, t.Value("json"))
		if err != nil {
			t.L.RaiseError("%s: json: %s", t.What, err)
		}
		s.Body, kind = string(text), "application/json"
	case "form":
		s.Body, kind = luaurl.EncodeQuery(t.L, t.What+": form", t.Sub("form")), "application/x-www-form-urlencoded"
	}
	if kind != "" && s.Header.Get("Content-Type") == "" {
		if s.Header = s.Header.Clone(); s.Header == nil {
			s.Header = http.Header{}
		}
		s.Header["Content-Type"] = []string{kind}
	}
}
