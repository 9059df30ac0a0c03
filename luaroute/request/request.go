// Package request is what scripts see of a request: req, its headers, params, query and cookies, and res.
//
// All values are thin: a field is read from the request when a script asks for it, so that a decision costs only what it reads.
package request

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Request is one request as the functions of one tenant see it. It ends with the tenant's part in the request, and a
// script that kept it gets an error from then on.
type Request struct {
	ex   *chiproxy.Exchange
	body int64 // the largest body to buffer, in bytes

	query    *query // parsed when first asked for
	store    *lua.LTable
	known    []chiproxy.Identity // of the identities that are in store
	out      *response.Hooks     // of the function that runs, once it asks for them
	runs     Runner
	blocking *blocking       // nil before the first wait for the client
	statusOf *chiproxy.Route // for which status was set
	status   int16
	used     uint8 // of strings
	guard    bool
	live     bool // while on_headers runs: the header is that of the response
	filters  bool // while on_body runs
	writes   bool // while res:write and its like send a piece
	sent     bool // something was written by res
	json     bool // what is held is JSON
	over     bool

	// held are the pieces of the body that were written and have not left yet, in order; room is for one.
	held     []string
	room     [1]string
	heldSize int

	strings [heldStrings]lua.LString // written once each, since scripts may keep them

	// The userdata that most functions use are parts of the request, so that one allocation makes them all.
	req, res, params, headers    lua.LUserData
	queries, cookies, outHeaders *lua.LUserData // nil until they are asked for
}

// query is a parsed query, and what it was parsed from.
type query struct {
	raw    string
	values url.Values
}

// pairSize is what a name and its value take in memory besides their text, in bytes.
const pairSize = 128

// New returns the view of a request. Bodies of more than the given number of bytes are not buffered.
func New(ex *chiproxy.Exchange, runs Runner, body int64) *Request {
	r := &Request{ex: ex, runs: runs, body: body}
	r.req.Value, r.req.Metatable = r, reqType
	r.res.Value, r.res.Metatable = r, resType
	r.params.Value, r.params.Metatable = r, paramsType
	r.headers.Value, r.headers.Metatable = r, headersType
	return r
}

// table returns a table of the request, made on first use.
func (r *Request) table(kept **lua.LUserData, kind *lua.LTable) lua.LValue {
	if *kept == nil {
		*kept = &lua.LUserData{Value: r, Metatable: kind}
	}
	return *kept
}

// Req returns the value that scripts know as req.
func (r *Request) Req() lua.LValue { return &r.req }

// Res returns the value that scripts know as res.
func (r *Request) Res() lua.LValue { return &r.res }

// Sent reports whether the script has written a response, or a part of one.
func (r *Request) Sent() bool { return r.sent }

// Runner runs functions of the script after the one that runs now.
type Runner interface {
	// Later keeps the state of the script for a function that runs when the response leaves, and returns a function that
	// calls it with its arguments and returns its first result. The function may wrap the one that the script wrote.
	Later(fn, written *lua.LFunction) func(args ...lua.LValue) (lua.LValue, error)
	// Done has a function called when the request is over.
	Done(fn *lua.LFunction)
	// Placeholder returns nil if the function may read one of Caddy's placeholders.
	Placeholder(name string) error
	// Keep counts so many bytes that the request keeps in memory until it ends, with a virtual machine or without one.
	Keep(bytes int64)
	// Custom returns a metric of the script, or why there is none of the name.
	Custom(name string) (*telemetry.Custom, error)
	// Passed logs why a function was not called, once for each kind of reason.
	Passed(fn *lua.LFunction, kind, why string)
}

// Enter notes that a function begins. A guard may change nothing but req.ctx. It returns what Leave needs.
func (r *Request) Enter(guard bool) (outer *response.Hooks) {
	outer = r.out
	r.out, r.guard = nil, guard
	return outer
}

// Leave notes that the function has ended, and returns the response hooks that it has set; nil for none.
func (r *Request) Leave(outer *response.Hooks) *response.Hooks {
	own := r.out
	r.out, r.guard = outer, false
	return own
}

// End makes every further use of the request an error, except that of req.ctx.
func (r *Request) End() {
	r.ex = nil
	if r.blocking != nil {
		r.blocking.forget()
	}
}

// Forget makes the use of req.ctx an error, too. A script that keeps a string of the request keeps all of this in memory, so it must be
// small.
func (r *Request) Forget() {
	r.over = true
	r.store, r.known, r.out, r.query, r.runs = nil, nil, nil, nil, nil
}

// Keeps visits the values that the request holds for its state.
func (r *Request) Keeps(visit func(lua.LValue)) {
	if r.store != nil {
		visit(r.store)
	}
}

// of returns the request behind the first argument of a Go function. It raises an error if the argument is something
// else, or if the request is over.
func of(L *lua.LState, name string) *Request {
	if data, ok := L.Get(1).(*lua.LUserData); ok {
		if r, ok := data.Value.(*Request); ok {
			if r.ex == nil {
				L.RaiseError("%s is used after its request has ended; do not keep it", name)
			}
			return r
		}
	}
	L.RaiseError("%s:method(…) is called without %s; write a colon, not a dot", name, name)
	return nil
}

// r is the Caddy request as it is now.
func (r *Request) http() *http.Request { return r.ex.R }

// changing is called before each change by a method or field. It raises an error in a guard, which may only read.
func (r *Request) changing(L *lua.LState, object, of, name string) {
	if r.guard {
		L.RaiseError("%s%s%s is used in a guard, which can change nothing but req.ctx", object, of, name)
	}
	r.ex.Snapshot()
}

// values returns the parsed query.
func (r *Request) values(L *lua.LState) url.Values {
	if raw := r.http().URL.RawQuery; r.query == nil || r.query.raw != raw {
		vm.Spend(L, len(raw)/4)
		vm.Charge(L, pairSize*strings.Count(raw, "&"))
		r.query = &query{raw, rawquery.Parse(raw)}
	}
	return r.query.values
}

// text returns a string as a Lua value. The empty string needs no allocation.
func text(s string) lua.LValue { return lua.LString(s) }

// list returns values as a Lua list.
func list(L *lua.LState, values []string) *lua.LTable {
	t := L.CreateTable(len(values), 0)
	for _, v := range values {
		t.Append(text(v))
	}
	return t
}

// scalar returns a Lua string, number or boolean as text.
func scalar(v lua.LValue) (string, error) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), nil
	case lua.LNumber, lua.LBool:
		return v.String(), nil
	}
	return "", fmt.Errorf("a %s is not a string; allowed are strings, numbers and booleans", v.Type())
}

// scalars returns what scalar does, for one value or a list of them. nil stands for none.
func scalars(L *lua.LState, v lua.LValue) ([]string, error) {
	vm.SpendReading(L, v)
	t, ok := v.(*lua.LTable)
	if !ok {
		if v == lua.LNil {
			return nil, nil
		}
		s, err := scalar(v)
		return []string{s}, err
	}
	items, ok := Items(t)
	if !ok {
		return nil, errors.New("a table is not a list; allowed are a string, and a list of them")
	}
	values := make([]string, 0, len(items))
	for i, v := range items {
		s, err := scalar(v)
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", i+1, err)
		}
		values = append(values, s)
	}
	return values, nil
}

// textWork is the cost of reading the strings in a table, in steps.
func textWork(t *lua.LTable) (steps int) {
	t.ForEach(func(_, v lua.LValue) {
		if s, ok := v.(lua.LString); ok {
			steps += len(s) / 16
		}
	})
	return steps
}

// Items returns the values of a list. It returns false for a table that has other keys, too.
func Items(t *lua.LTable) ([]lua.LValue, bool) {
	keys := 0
	t.ForEach(func(_, _ lua.LValue) { keys++ })
	items := make([]lua.LValue, t.Len())
	for i := range items {
		items[i] = t.RawGetInt(i + 1)
	}
	return items, keys == len(items)
}
