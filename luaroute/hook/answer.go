package hook

import (
	"fmt"
	"net/http"
	"net/textproto"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
)

// Action is an action as scripts hold it: a userdata that never changes.
type Action struct{ chiproxy.Action }

// Immutable marks it as shared by all states.
func (Action) Immutable() {}

// results are the first values that a function returned.
type results [3]lua.LValue

// answer returns what a function has decided, or nil if it decided nothing.
func (f *function) answer(s *session, r results) (chiproxy.Action, error) {
	if r[0] != lua.LNil && s.request.Sent() {
		return nil, f.origin.Errorf("the function wrote a response and returned an answer, too; after res:write or res:json return nothing")
	}
	switch v := r[0].(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LString:
		pool, err := s.ex.Pool(string(v))
		if err != nil {
			return nil, f.origin.Errorf("%w; for a body: return 200, %q", err, shorten(string(v)))
		}
		return pool, nil
	case lua.LNumber:
		respond, err := Response(nil, v, r[1], r[2])
		if err != nil {
			return nil, f.origin.Errorf("%w", err)
		}
		return respond, nil
	}
	action, err := actionOf(r[0])
	if err != nil {
		return nil, f.origin.Errorf("%w", err)
	}
	if action, err = s.ex.Bind(action); err != nil {
		return nil, f.origin.Errorf("%w", err)
	}
	return action, nil
}

// actionOf returns the action that a value stands for: an action, or a response table.
func actionOf(v lua.LValue) (chiproxy.Action, error) {
	switch v := v.(type) {
	case *lua.LUserData:
		if action, ok := v.Value.(Action); ok {
			return action.Action, nil
		}
	case *lua.LTable:
		return ResponseOf(nil, v)
	}
	return nil, fmt.Errorf("a %s is not an answer; allowed are a pool's name, an action such as route.proxy(…), "+
		"a status with a body and headers, and a table { status =, body =, headers = }", v.Type())
}

// ResponseOf returns the response that a table { status =, body =, headers = } describes. L is as for Response.
func ResponseOf(L *lua.LState, t *lua.LTable) (r static.Respond, err error) {
	var unknown error
	t.ForEach(func(k, _ lua.LValue) {
		if name, ok := k.(lua.LString); !ok || !responseClass.Has(string(name)) {
			unknown = fmt.Errorf("a response has the key %q; allowed are %s", shorten(k.String()), responseClass.Names())
		}
	})
	if unknown != nil {
		return r, unknown
	}
	status := t.RawGetString("status")
	if status == lua.LNil {
		if t.RawGetString("body") == lua.LNil && t.RawGetString("headers") == lua.LNil {
			return r, fmt.Errorf("a response table is empty; expected { status =, body =, headers = }")
		}
		status = lua.LNumber(http.StatusOK)
	}
	return Response(L, status, t.RawGetString("body"), t.RawGetString("headers"))
}

// Response returns the response of a status, a body and headers. L is the thread that pays for it from its budget; nil once the function
// has returned.
func Response(L *lua.LState, status, body, headers lua.LValue) (r static.Respond, err error) {
	n, ok := status.(lua.LNumber)
	r.Status = int(n)
	if !ok || lua.LNumber(r.Status) != n || r.Status < 200 || r.Status > 999 {
		return r, fmt.Errorf("status %s: expected a whole number from 200 to 999", shorten(status.String()))
	}
	if r.Headers, err = HeaderOf(headers, field.Check); err != nil {
		return r, err
	}
	switch v := body.(type) {
	case *lua.LNilType:
	case lua.LString, lua.LNumber:
		r.Body = v.String()
	case *lua.LTable:
		text, err := luajson.Encode(L, v)
		if err != nil {
			return r, err
		}
		r.Body = string(text)
		if _, set := r.Headers["Content-Type"]; !set {
			if r.Headers == nil {
				r.Headers = http.Header{}
			}
			r.Headers["Content-Type"] = []string{"application/json"}
		}
	default:
		return r, fmt.Errorf("a %s cannot be a body; allowed are a string, a number, and a table, which becomes JSON", body.Type())
	}
	return r, r.Check()
}

// ResponseHeaderOf is HeaderOf for a response, whose Location is encoded.
func ResponseHeaderOf(v lua.LValue, check HeaderCheck) (http.Header, error) {
	header, err := HeaderOf(v, check)
	for i, location := range header["Location"] {
		header["Location"][i] = field.EncodeLocation(location)
	}
	return header, err
}

// HeaderCheck reports a header that must not be sent.
type HeaderCheck = func(name string, values ...string) error

// HeaderOf returns the header that a table of names and values, or lists of values, describes.
func HeaderOf(v lua.LValue, check HeaderCheck) (http.Header, error) {
	if v == lua.LNil {
		return nil, nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("headers are a %s; expected a table of names and values", v.Type())
	}
	header := http.Header{}
	var failed error
	t.ForEach(func(k, v lua.LValue) {
		name, ok := k.(lua.LString)
		if !ok {
			failed = fmt.Errorf("headers have the key %s; expected names", k.String())
			return
		}
		key := textproto.CanonicalMIMEHeaderKey(string(name))
		values := []lua.LValue{v}
		if list, ok := v.(*lua.LTable); ok {
			if values, ok = request.Items(list); !ok {
				failed = fmt.Errorf("header %q: a table is not a list; allowed are a string, and a list of them", shorten(key))
			}
		}
		for _, v := range values {
			switch v.(type) {
			case lua.LString, lua.LNumber, lua.LBool:
				header[key] = append(header[key], v.String())
			default:
				failed = fmt.Errorf("header %q: a %s cannot be a value; allowed are a string, and a list of them", shorten(key), v.Type())
			}
		}
	})
	if failed != nil {
		return nil, failed
	}
	if err := field.CheckAll(header, check); err != nil {
		return nil, err
	}
	return header, nil
}

// shorten bounds what an error message quotes.
func shorten(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
