package legacy

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Request is what the function is asked about.
type Request struct {
	Method string `json:"method"`
	// Path is decoded, and has no query.
	Path string `json:"path"`
	// Host has no port.
	Host string `json:"host"`
	// Headers are by canonical names.
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// Backend is a pool that the function may select.
type Backend struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	Health bool   `json:"health"`
}

// Decision is what the function has returned.
type Decision struct {
	SelectedBackend string            `json:"selected_backend"`
	ModifiedHeaders map[string]string `json:"modified_headers"`
	ModifiedPath    string            `json:"modified_path"`
	Reject          bool              `json:"reject"`
	RejectReason    string            `json:"reject_reason"`
}

// requestOf returns the request that is being served.
func requestOf(r *http.Request, body []byte) Request {
	asked := Request{
		Method: r.Method, Path: r.URL.Path, Host: request.Hostname(r.Host),
		Headers: make(map[string]string, len(r.Header)), Body: string(body),
	}
	for name, values := range r.Header {
		separator := ", "
		if name == "Cookie" {
			separator = "; "
		}
		asked.Headers[name] = strings.Join(values, separator)
	}
	return asked
}

// arguments returns what the function is called with: plain tables.
func arguments(L *lua.LState, asked Request, backends []Backend) []lua.LValue {
	headers := L.CreateTable(0, len(asked.Headers))
	for name, value := range asked.Headers {
		headers.RawSetString(textproto.CanonicalMIMEHeaderKey(name), lua.LString(value))
	}
	headers.Metatable = headerType
	r := L.CreateTable(0, 5)
	r.RawSetString("method", lua.LString(asked.Method))
	r.RawSetString("path", lua.LString(asked.Path))
	r.RawSetString("host", lua.LString(asked.Host))
	r.RawSetString("headers", headers)
	r.RawSetString("body", lua.LString(asked.Body))
	list := L.CreateTable(len(backends), 0)
	for _, b := range backends {
		t := L.CreateTable(0, 3)
		t.RawSetString("name", lua.LString(b.Name))
		t.RawSetString("url", lua.LString(b.URL))
		t.RawSetString("health", lua.LBool(b.Health))
		list.Append(t)
	}
	return []lua.LValue{r, list}
}

// headerType makes a look-up in request.headers that finds nothing try the canonical form of the name. It is shared by all states
// and never changes: scripts cannot reach it.
var headerType = func() *lua.LTable {
	t := new(lua.LState).CreateTable(0, 2)
	t.RawSetString("__metatable", lua.LFalse)
	t.RawSetString("__index", vm.GoFunc(func(L *lua.LState) int {
		value := lua.LValue(lua.LNil)
		if name, ok := L.Get(2).(lua.LString); ok {
			value = L.CheckTable(1).RawGetString(textproto.CanonicalMIMEHeaderKey(string(name)))
		}
		L.Push(value)
		return 1
	}))
	return t
}()

// read reads what the function has returned.
func (d *Decision) read(v lua.LValue) error {
	*d = Decision{ModifiedHeaders: map[string]string{}}
	if v == lua.LNil {
		d.Reject, d.RejectReason = true, "Script returned nil"
		return nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return fmt.Errorf("%s returned a %s; expected a table { selected_backend =, modified_headers =, modified_path =, "+
			"reject =, reject_reason = }, or nil to reject", FunctionName, v.Type())
	}
	for name, to := range map[string]*string{
		"selected_backend": &d.SelectedBackend, "modified_path": &d.ModifiedPath, "reject_reason": &d.RejectReason,
	} {
		if *to, ok = text(t.RawGetString(name)); !ok {
			return fmt.Errorf("%s is a %s; expected a string", name, t.RawGetString(name).Type())
		}
	}
	if d.ModifiedPath != "" && d.ModifiedPath[0] != '/' {
		d.ModifiedPath = "/" + d.ModifiedPath
	}
	d.Reject = lua.LVAsBool(t.RawGetString("reject"))
	if err := d.readHeaders(t.RawGetString("modified_headers")); err != nil {
		return err
	}
	return d.proxy("any").Check() // what cannot be forwarded is an error of the script, too
}

func (d *Decision) readHeaders(v lua.LValue) error {
	if v == lua.LNil {
		return nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return fmt.Errorf("modified_headers is a %s; expected a table of names and strings", v.Type())
	}
	var failed error
	t.ForEach(func(k, v lua.LValue) {
		name, isName := k.(lua.LString)
		value, isText := text(v)
		if !isName || !isText || v == lua.LNil {
			failed = fmt.Errorf("modified_headers: %s is a %s; expected names and strings", field.Quote(k.String()), v.Type())
			return
		}
		if err := field.Check(string(name), value); err != nil {
			failed = fmt.Errorf("modified_headers: %w", err)
			return
		}
		d.ModifiedHeaders[string(name)] = value
	})
	return failed
}

// text returns a string or number as a string, and "" for nil.
func text(v lua.LValue) (string, bool) {
	switch v.(type) {
	case *lua.LNilType:
		return "", true
	case lua.LString, lua.LNumber, lua.LBool:
		return v.String(), true
	}
	return "", false
}
