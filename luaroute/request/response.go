package request

import (
	"math"
	"net/http"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// resReading are the methods of res that change nothing.
var resReading = vm.Bindings{
	{Fn: reader("res", outHeadersGet), Doc: vm.Doc{
		Name: "header", Args: "name: string", Returns: "string?",
		Text: "the same as `res.headers[name]`",
	}},
	{Fn: lister("res", (*Request).outValues), Doc: vm.Doc{
		Name: "header_values", Args: "name: string", Returns: "string[]",
		Text: "a list of all values that will be sent so far",
	}},
}

// resWriting and resChanging are the others, which a guard must not use.
var resWriting = vm.Bindings{
	{Fn: resWrite, Doc: vm.Doc{
		Name: "write", Args: "text: string",
		Text: "writes a piece of the body; `text/plain` unless the headers say otherwise",
	}},
	{Fn: resFlush, Doc: vm.Doc{Name: "flush", Text: "sends what was written now"}},
	{Fn: resJSON, Doc: vm.Doc{Name: "json", Args: "value: any", Text: "writes the value as JSON"}},
	{Fn: resRedirect, Doc: vm.Doc{
		Name: "redirect", Args: "location: string, status?: number",
		Text: "answers with a Location. Default: 302",
	}},
	{Fn: resCookie, Doc: vm.Doc{Name: "cookie", Args: "cookie: luaroute.Cookie", Text: "adds a Set-Cookie"}},
}

var resChanging = vm.Bindings{
	{Fn: resAddHeader, Doc: vm.Doc{Name: "add_header", Args: "name: string, value: luaroute.HeaderValue", Text: "adds a string, or a list"}},
	{Fn: resRemoveHeader, Doc: vm.Doc{Name: "remove_header", Args: "name: string", Text: "sends no such header, whoever sets it"}},
	{Fn: resVary, Doc: vm.Doc{
		Name: "vary", Args: "name: string",
		Text: "adds a header of the request to Vary, once: what the response depends on",
	}},
	{Fn: resOnHeaders, Doc: vm.Doc{
		Name: "on_headers", Args: "fn: fun(res: luaroute.Response)",
		Text: "`fn(res)` runs just before the header leaves, and may change `res.status` and `res.headers`; never for 1xx, so not for the 101 of a " +
			"WebSocket either, where what was assigned to `res.headers` before holds",
	}},
	{Fn: resOnBody, Doc: vm.Doc{
		Name: "on_body", Args: "fn: fun(chunk: string, last: boolean): string|number|nil",
		Text: "`fn(chunk, last)` gets each piece of the body as it streams and returns what is sent instead",
	}},
	{Fn: resOnJSON, Doc: vm.Doc{
		Name: "on_json", Args: "fn: fun(value: any, info: luaroute.JSONInfo): any, options?: json.Options",
		Text: "`fn(value, info)` gets the whole JSON body of a 2xx response and returns the value to send instead; options as those of " +
			"[`json.decode`](#json)",
	}},
	{Fn: resOnDone, Doc: vm.Doc{
		Name: "on_done", Args: "fn: fun(info: luaroute.DoneInfo)",
		Text: "`fn(info)` runs when the response is finished; only `req.ctx` is left of `req` and `res`",
	}},
}

// resField returns a field of res, or nil if there is none of that name.
func resField(r *Request, _ *lua.LState, name string) lua.LValue {
	switch name {
	case "status":
		return lua.LNumber(r.answerStatus())
	case "headers":
		return r.table(&r.outHeaders, outHeadersType)
	}
	return nil
}

// setResField assigns a field of res. It returns false if there is none of that name.
func setResField(r *Request, L *lua.LState, name string, v lua.LValue) bool {
	if name != "status" {
		return false
	}
	r.unsent(L, "res.status")
	r.status = int16(checkStatus(L, v))
	if !r.live {
		r.statusOf = r.ex.Route()
	}
	return true
}

// answerStatus is the status that res:write sends. One that was set for a declined route does not apply to the next.
func (r *Request) answerStatus() int {
	if r.status == 0 || !r.live && r.statusOf != r.ex.Route() {
		return http.StatusOK
	}
	return int(r.status)
}

// checkStatus returns a Lua value as the status of a response, or raises an error.
func checkStatus(L *lua.LState, v lua.LValue) int {
	n, ok := v.(lua.LNumber)
	status := int(n)
	if !ok || lua.LNumber(status) != n || status < 200 || status > 999 {
		L.RaiseError("status %s: expected a whole number from 200 to 999", script.Clip(v.String()))
	}
	return status
}

// OptStatus returns an optional status argument, or the default. It raises an error unless it is a whole number.
func OptStatus(L *lua.LState, arg, otherwise int) int {
	n := L.OptNumber(arg, lua.LNumber(otherwise))
	status := int(n)
	if lua.LNumber(status) != n {
		L.RaiseError("status %s: expected a whole number", n.String())
	}
	return status
}

// hooks returns the response hooks of the function that runs.
func (r *Request) hooks() *response.Hooks {
	if r.out == nil {
		r.out = r.ex.ResponseHooks()
	}
	return r.out
}

// unsent raises an error if the header has left.
func (r *Request) unsent(L *lua.LState, what string) {
	if !r.live && (r.sent || r.ex.Wrote()) {
		L.RaiseError("%s is used after the response has begun", what)
	}
}

// answering raises an error in on_headers, where the response is that of the action, and in on_body.
func (r *Request) answering(L *lua.LState, what string) {
	switch {
	case r.live:
		L.RaiseError("%s is used in on_headers, where the response is that of the action", what)
	case r.filters:
		L.RaiseError("%s is used in on_body, which returns what to send", what)
	}
}

// resWrite is res:write(string).
func resWrite(L *lua.LState) int {
	r, body := of(L, "res"), L.CheckString(2)
	r.send(L, "res:write", body, false)
	return 0
}

// resFlush is res:flush(): what was written goes to the client now.
func resFlush(L *lua.LState) int {
	r, s := of(L, "res"), vm.Of(L)
	r.answering(L, "res:flush")
	s.StepAside()
	err := r.SendHeld(s)
	if err == nil {
		if !r.sent {
			r.sent = true
			r.begin("")
		}
		err = r.wait(s, http.NewResponseController(r.ex.W).Flush)
	}
	if err != nil {
		vm.Throw(L, err)
	}
	return 0
}

// resJSON is res:json(value).
func resJSON(L *lua.LState) int {
	r := of(L, "res")
	r.unsent(L, "res:json")
	body, err := luajson.Encode(L, L.CheckAny(2))
	if err != nil {
		vm.Throw(L, err)
	}
	r.send(L, "res:json", string(body), true)
	return 0
}

// resRedirect is res:redirect(location, [status]).
func resRedirect(L *lua.LState) int {
	r := of(L, "res")
	r.unsent(L, "res:redirect")
	r.answering(L, "res:redirect")
	redirect := static.Redirect{Location: L.CheckString(2), Status: OptStatus(L, 3, http.StatusFound)}
	if err := redirect.Check(); err != nil {
		L.RaiseError("%s", err)
	}
	r.sent = true
	vm.Of(L).StepAside()
	if _, err := redirect.Do(r.ex); err != nil {
		vm.Throw(L, err)
	}
	return 0
}

// resCookie is res:cookie{name=, value=, path=, domain=, max_age=, expires=, secure=, http_only=, same_site=}. max_age is
// in seconds, expires a time in seconds since 1970; same_site is lax, strict or none.
func resCookie(L *lua.LState) int {
	r, fields := of(L, "res"), L.CheckTable(2)
	r.unsent(L, "res:cookie")
	cookie := &http.Cookie{}
	vm.Spend(L, textWork(fields)) // it is checked and quoted
	fields.ForEach(func(k, v lua.LValue) {
		if !setCookieField(cookie, k.String(), v) {
			L.RaiseError("cookie: %s = %s; expected strings for name, value, path, domain and same_site (lax, strict or none), "+
				"whole numbers for max_age and expires, true or false for secure and http_only", script.Clip(k.String()), shown(v))
		}
	})
	if err := cookie.Valid(); err != nil {
		L.RaiseError("cookie: %s", strings.TrimPrefix(err.Error(), "http: "))
	}
	r.seeChanges(L)
	raise(L, r.hooks().Add("Set-Cookie", cookie.String()))
	return 0
}

// shown is a value in an error.
func shown(v lua.LValue) string {
	if s, ok := v.(lua.LString); ok {
		return field.Quote(string(s))
	}
	return v.String()
}

// isWhole reports whether a number of seconds can be written without a fraction, and exactly.
func isWhole(n lua.LNumber) bool {
	return n == lua.LNumber(math.Trunc(float64(n))) && math.Abs(float64(n)) < 1<<53
}

func setCookieField(c *http.Cookie, name string, v lua.LValue) bool {
	s, isText := v.(lua.LString)
	n, isNumber := v.(lua.LNumber)
	b, isBool := v.(lua.LBool)
	switch name {
	case "name":
		c.Name = string(s)
		return isText
	case "value":
		c.Value = string(s)
		return isText
	case "path":
		c.Path = string(s)
		return isText
	case "domain":
		c.Domain = string(s)
		return isText
	case "same_site":
		mode, ok := map[string]http.SameSite{
			"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
		}[strings.ToLower(string(s))]
		c.SameSite = mode
		return ok
	case "max_age":
		if c.MaxAge = int(n); n <= 0 { // of net/http, where 0 means that there is none
			c.MaxAge = -1
		}
		return isNumber && isWhole(n)
	case "expires":
		c.Expires = time.Unix(int64(n), 0)
		return isNumber && isWhole(n) && c.Expires.UTC().Year() <= 9999 // HTTP dates have four digits
	case "secure":
		c.Secure = bool(b)
		return isBool
	case "http_only":
		c.HttpOnly = bool(b)
		return isBool
	}
	return false
}
