package simulate

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// simulate is route.simulate{…}: it asks the table about a request, with stubs in place of the upstreams.
func (s *Suite) simulate(L *lua.LState) int {
	if _, ok := L.Get(1).(*lua.LUserData); ok { // route:simulate and route.simulate are the same
		L.Remove(1)
	}
	st := vm.Of(L)
	if s.state == nil || st != s.state {
		L.RaiseError("route.simulate is called outside a test; wrap it in it(name, function() … end)")
	}
	t := L.CheckTable(1)
	question := declare.Question(L, "the request of simulate", t, &requestClass)
	r, err := question.HTTP()
	if err != nil {
		L.RaiseError("simulate: %s", err)
	}
	stubs := &stubs{answers: s.stubs(L, t.RawGetString("pools"))}
	now := clock(L, t.RawGetString("now"))
	var d explain.Decision
	_ = st.Wait(func(ctx context.Context) error { // the functions of the table have budgets of their own
		if !now.IsZero() {
			ctx = vm.WithClock(ctx, now)
			st.Clock = now // of stubs that they call
			defer func() { st.Clock = time.Time{} }()
		}
		d = explain.Simulate(s.table, r.WithContext(limit.AssumeWhole(ctx)), stubs.of)
		return nil
	})
	for _, what := range d.Refused {
		st.Refuse(what)
	}
	L.Push(outcomeTable(L, &d, stubs.body))
	return 1
}

// clock returns the time that scripts are to see, the zero time for the real one.
func clock(L *lua.LState, v lua.LValue) time.Time {
	switch v := v.(type) {
	case *lua.LNilType:
		return time.Time{}
	case lua.LNumber:
		if seconds := math.Floor(float64(v)); seconds >= 0 && seconds <= latest {
			return time.Unix(int64(seconds), int64((float64(v)-seconds)*1e9))
		}
	case lua.LString:
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
			if now, err := time.Parse(layout, string(v)); err == nil {
				return now
			}
		}
	}
	L.RaiseError("simulate: now is %s; expected seconds since 1970, or a time such as \"2026-05-04T10:00:00Z\"", value.Inspect(v))
	return time.Time{}
}

// latest is the last second of the year 9999.
const latest = 253402300799

// stub is what a pool answers.
type stub struct {
	static.Respond
	failure int // the status of an error instead, 0 for none
}

// stubs answer for pools.
type stubs struct {
	answers map[string]stub
	body    *string // what the last one was sent
}

// of returns the stub of a pool. Without one of its own a pool answers 200 with an empty body.
func (s *stubs) of(pool string) explain.Stub {
	answer := s.answers[pool]
	return func(w http.ResponseWriter, r *http.Request) error {
		if answer.failure != 0 {
			return caddyhttp.Error(answer.failure, fmt.Errorf("the stub of pool %q fails", pool))
		}
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		text := string(sent)
		s.body = &text
		for name, values := range answer.Headers {
			w.Header()[name] = slices.Clone(values)
		}
		w.WriteHeader(max(answer.Status, http.StatusOK))
		if r.Method == http.MethodHead {
			return nil
		}
		_, err = io.WriteString(w, answer.Body)
		return err
	}
}

// stubs reads { name = { status =, body =, headers = }, other = { error = 502 } }.
func (s *Suite) stubs(L *lua.LState, v lua.LValue) map[string]stub {
	if v == lua.LNil {
		return nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("simulate: pools is a %s; expected a table of names and answers", v.Type())
	}
	known := s.poolNames()
	all := map[string]stub{}
	t.ForEach(func(k, v lua.LValue) {
		name := k.String()
		if !slices.Contains(known, name) {
			L.RaiseError("simulate: pools: no pool %q; there are %s", name, strings.Join(known, ", "))
		}
		answer, err := stubOf(L, v)
		if err != nil {
			L.RaiseError("simulate: pool %s: %s", name, err)
		}
		all[name] = answer
	})
	return all
}

func (s *Suite) poolNames() []string {
	var names []string
	for _, p := range s.table.Pools() {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func stubOf(L *lua.LState, v lua.LValue) (stub, error) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return stub{}, fmt.Errorf("found a %s; expected { status =, body =, headers = }, or { error = 502 }", v.Type())
	}
	if failure := t.RawGetString("error"); failure != lua.LNil {
		n, ok := failure.(lua.LNumber)
		if !ok || n < 400 || n > 599 || lua.LNumber(int(n)) != n {
			return stub{}, fmt.Errorf("error is %s; expected a status from 400 to 599", failure)
		}
		return stub{failure: int(n)}, nil
	}
	respond, err := hook.ResponseOf(L, t)
	if err != nil {
		return stub{}, err
	}
	return stub{Respond: respond}, nil
}

// outcomeTable is what simulate returns.
func outcomeTable(L *lua.LState, d *explain.Decision, body *string) *lua.LTable {
	t := L.NewTable()
	t.RawSetString("tenant", lua.LString(d.Tenant))
	t.RawSetString("route", lua.LString(d.Route))
	t.RawSetString("pattern", lua.LString(d.Pattern))
	t.RawSetString("next", lua.LBool(d.Next))
	params := L.NewTable()
	for name, value := range d.Params {
		params.RawSetString(name, lua.LString(value))
	}
	t.RawSetString("params", params)
	t.RawSetString("pool", given(d.Pool))
	t.RawSetString("handler", given(d.Handler))
	t.RawSetString("upstream", given(d.Upstream))
	if d.Status != 0 {
		t.RawSetString("status", lua.LNumber(d.Status))
		t.RawSetString("headers", headerTable(L, d.Header))
		t.RawSetString("body", lua.LString(d.Body))
	}
	if d.Err != nil {
		t.RawSetString("error", lua.LString(d.Failure))
	}
	if r := d.Request; r != nil {
		t.RawSetString("request", requestTable(L, r, body))
	}
	return t
}

// given is a string, or nil for an empty one.
func given(text string) lua.LValue {
	if text == "" {
		return lua.LNil
	}
	return lua.LString(text)
}

// requestTable is the request as it was forwarded or passed to Caddy's next handler.
func requestTable(L *lua.LState, r *explain.Handed, body *string) *lua.LTable {
	t := L.NewTable()
	t.RawSetString("method", lua.LString(r.Method))
	t.RawSetString("uri", lua.LString(r.URI))
	t.RawSetString("host", lua.LString(r.Host))
	t.RawSetString("headers", headerTable(L, r.Header))
	if body != nil {
		t.RawSetString("body", lua.LString(*body))
	}
	return t
}

// headerTable is a header: a string for each field, or a list where it has several values. Names are read in any case.
func headerTable(L *lua.LState, h http.Header) *lua.LTable {
	t := L.CreateTable(0, len(h))
	for name, values := range h {
		if len(values) == 1 {
			t.RawSetString(name, lua.LString(values[0]))
			continue
		}
		list := L.CreateTable(len(values), 0)
		for _, v := range values {
			list.Append(lua.LString(v))
		}
		if len(values) > 0 {
			t.RawSetString(name, list)
		}
	}
	t.Metatable = headerType
	return t
}

// headerType finds fields whose names are not in the form of net/http.
var headerType = func() *lua.LTable {
	t := new(lua.LState).CreateTable(0, 1)
	t.RawSetString("__index", vm.GoFunc(func(L *lua.LState) int {
		name, ok := L.Get(2).(lua.LString)
		if !ok {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(L.CheckTable(1).RawGetString(textproto.CanonicalMIMEHeaderKey(string(name))))
		return 1
	}))
	return t
}()
