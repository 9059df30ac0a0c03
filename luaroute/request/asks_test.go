package request_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/request"
	compiler "github.com/luaroute/caddy-luaroute/luaroute/script"
)

// function compiles a function, which knows log, json and t, and a script that returns it.
func function(t testing.TB, code string) (*lua.FunctionProto, *compiler.Program) {
	t.Helper()
	p, err := compiler.Compile("main.lua", []byte("local log = ... local json, t = nil, {} return "+code))
	if err != nil {
		t.Fatalf("%s: %v", code, err)
	}
	return p.Proto.FunctionPrototypes[0], p
}

func TestAFunctionAsksForTheBodyIfItDoesSoFirstWhateverWayItTakes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		`function(req) local body = req:body() return 200, body end`:                                              true,
		`function(req, res, next) local v, err = req:json() if err then return 400 end next() end`:                true,
		`function(req) return 200, req:form() end`:                                                                true,
		`function(req) return req:json() end`:                                                                     true,
		`function(req) local v = req:json({ numbers = "text" }) end`:                                              true,
		`function(r) return 200, json.decode(r:body()) end`:                                                       true,
		`function(req) return 200, assert(req:json()) end`:                                                        true,
		`function(req) local id = req.params.id .. req:param("x") local v = req:json() end`:                       true,
		`function(req, res) res.status = 201 local n = #req.path + 1 return 200, req:body() end`:                  true,
		`function(req) local v if req.method == "PUT" then v = req:json() else v = req:form() end return 200 end`: true,
		`function(req) local v = req:header("A") == "b" and req:json() or req:form() return 200 end`:              true,
		`function(req) while req.x do t.x = 1 end return 200, req:body() end`:                                     true,
		`function(req) local a = { 1, 2, x = not req.path } return 200, req:body() end`:                           true,
		`function(req) t.hidden = req return 200, req:body() end`:                                                 true,

		`function(req) return 200 end`:                                                                false,
		`function() return 200 end`:                                                                   false,
		`function(...) local req = ... return 200, req:body() end`:                                    false,
		`function(req) if req:header("A") then return 401 end return 200, req:body() end`:             false,
		`function(req) if req.method == "POST" then local v = req:json() end return "pool" end`:       false,
		`function(req) local v = req.method == "POST" and req:json() return "pool" end`:               false,
		`function(req) log("x") return 200, req:body() end`:                                           false,
		`function(req, res) res:write("x") return 200, req:body() end`:                                false,
		`function(req) req:set_body("x") return 200, req:body() end`:                                  false,
		`function(req, res, next) next() return 200, req:body() end`:                                  false,
		`function(req) return 200, req:body(100) end`:                                                 false,
		`function(req, res) return 200, res:body() end`:                                               false,
		`function(req) req = t return 200, req:body() end`:                                            false,
		`function(req) local r = req return 200, r:body() end`:                                        false,
		`function(req) return 200, req.body(req) end`:                                                 false,
		`function(req) return function() return req:body() end end`:                                   false,
		`function(req) for i = 1, 2 do t[i] = i end return 200, req:body() end`:                       false,
		`function(req) local ok, v = pcall(req.body, req) return 200 end`:                             false,
		`function(req) local v = req:json(log("x")) return 200 end`:                                   false,
		`function(req) local v = req:header(log("x")) return 200, req:body() end`:                     false,
		`function(req, res) return req:header("A") end`:                                               false,
		`function(req, res) t.x = function() req = nil end t.x() return 200, req:body() end`:          false,
		`function(req) local v = t[req:header("a")]() return 200, req:body() end`:                     false,
		`function(req) local v = req:header("a") or log() return 200, req:body() end`:                 false,
		`function(req) if req:cookie("a") then goto out end req:body() ::out:: return "pool" end`:     false,
		`function(req) repeat local v = req:query_value("a") until v return 200, log(req:body()) end`: true,
	} {
		fn, _ := function(t, code)
		if got := request.AsksForBody(fn); got != want {
			t.Errorf("%s: got %v", code, got)
		}
	}
}

// wanderer writes functions.
type wanderer struct {
	*rand.Rand
	headers int // that were asked for, each with a name of its own
}

// value writes an expression.
func (w *wanderer) value(depth int) string {
	switch n := w.IntN(14); {
	case depth == 0 || n < 3:
		return []string{"1", `"x"`, "t.x", "req.path", "nil"}[w.IntN(5)]
	case n < 7:
		w.headers++
		return fmt.Sprintf("req:header(%d)", w.headers)
	case n == 7:
		return "(" + w.value(depth-1) + " and " + w.value(depth-1) + ")"
	case n == 8:
		return "(" + w.value(depth-1) + " or " + w.value(depth-1) + ")"
	case n == 9:
		return "not " + w.value(depth-1)
	case n == 10:
		return "{ " + w.value(depth-1) + ", y = " + w.value(depth-1) + " }"
	case n == 11:
		return w.value(depth-1) + " == " + w.value(depth-1)
	case n == 12:
		return "req:" + []string{"json", "form", "body"}[w.IntN(3)] + "()"
	default:
		return "log(" + w.value(depth-1) + ")"
	}
}

// block writes statements.
func (w *wanderer) block(depth int) string {
	var b strings.Builder
	for range w.IntN(3) + 1 {
		switch n := w.IntN(20); {
		case n < 5:
			fmt.Fprintf(&b, "local v%d = %s ", depth, w.value(2))
		case n < 7:
			fmt.Fprintf(&b, "t.z = %s ", w.value(1))
		case n < 12:
			b.WriteString("local b = req:json(" + []string{"", "", "{ 1 }", w.value(1)}[w.IntN(4)] + ") ")
		case n == 12 && depth > 0:
			fmt.Fprintf(&b, "if req:param() then return %s end ", w.value(1))
		case n == 13:
			b.WriteString("log(1) ")
		case n == 14 && depth > 0:
			fmt.Fprintf(&b, "repeat %s until true ", w.block(depth-1))
		case depth > 0:
			fmt.Fprintf(&b, "if %s then %s else %s end ", w.value(2), w.block(depth-1), w.block(depth-1))
		}
	}
	return b.String()
}

// A function that is said to ask for the body is called with all that may decide its way: it asks before it does anything else.
func TestWhatIsSaidToAskForTheBodyDoesSoOnEveryWay(t *testing.T) {
	t.Parallel()
	const most = 6 // headers, of which each is there or not
	w := &wanderer{Rand: rand.New(rand.NewPCG(1, 2))}
	asks, branches := 0, 0
	for range 6000 {
		w.headers = 0
		code := "function(req) " + w.block(3) + " return log(2) end"
		fn, program := function(t, code)
		if w.headers > most || !request.AsksForBody(fn) {
			continue
		}
		asks++
		if w.headers > 1 && strings.Contains(code, "if ") {
			branches++
		}
		L := lua.NewState()
		first := ""
		note := func(name string) *lua.LFunction {
			return L.NewFunction(func(L *lua.LState) int {
				if first == "" {
					first = name
				}
				L.RaiseError("%s", name)
				return 0
			})
		}
		bits := 0
		req := L.NewTable()
		for _, name := range []string{"json", "form", "body"} {
			req.RawSetString(name, note("asked"))
		}
		req.RawSetString("header", L.NewFunction(func(L *lua.LState) int {
			L.Push(lua.LBool(bits>>(L.CheckInt(2)-1)&1 == 1))
			return 1
		}))
		req.RawSetString("param", L.NewFunction(func(*lua.LState) int { return 0 }))
		L.Push(L.NewFunctionFromProto(program.Proto))
		L.Push(note("logged"))
		L.Call(1, 1)
		for bits = range 1 << w.headers {
			first = ""
			err := L.CallByParam(lua.P{Fn: L.Get(1), Protect: true}, req)
			if first != "asked" {
				t.Fatalf("%s\nwith %b: %q, %v", code, bits, first, err)
			}
		}
		L.Close()
	}
	if asks < 300 || branches < 60 {
		t.Errorf("only %d functions ask, %d of them in branches", asks, branches)
	}
}
