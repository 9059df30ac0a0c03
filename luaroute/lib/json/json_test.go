package json_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var world = libtest.World{Name: "json", Library: luajson.Library{}}

func TestAValueIsEncoded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, value, want string }{
		{"nil", "nil", "null"},
		{"null", "json.null", "null"},
		{"true", "true", "true"},
		{"a whole number has no fraction", "5.0", "5"},
		{"a negative number", "-5", "-5"},
		{"a fraction", "0.1", "0.1"},
		{"a number of 53 bits", "9007199254740991", "9007199254740991"},
		{"a large number", "1e21", "1e+21"},
		{"a small number", "1e-9", "1e-09"},
		{"an empty string", "''", `""`},
		{"a string", "'abc'", `"abc"`},
		{"quotes and escapes", `'a"b\\c\n\r\t\0'`, `"a\"b\\c\n\r\t\u0000"`},
		{"HTML stays as it is", "'<a href=\"x\">&é'", `"<a href=\"x\">&é"`},
		{"text beyond ASCII", "'é€😀'", `"é€😀"`},
		{"bytes that are no UTF-8", `'a\255b'`, "\"a\ufffdb\""},
		{"an empty table is an object", "{}", "{}"},
		{"an empty array", "json.array()", "[]"},
		{"an array made of a table", "json.array({})", "[]"},
		{"a list", "{ 1, 'a', false }", `[1,"a",false]`},
		{"a list with null", "{ 1, json.null, 3 }", "[1,null,3]"},
		{"a list in a list", "{ {}, { 1 }, json.array{} }", "[{},[1],[]]"},
		{"a list that was filled backwards", "(function() local t = {} for i = 3, 1, -1 do t[i] = i end return t end)()", "[1,2,3]"},
		{"an object has its keys sorted", "{ b = 1, a = { d = 2, c = 3 } }", `{"a":{"c":3,"d":2},"b":1}`},
		{"an object with a key of text that is a number", "{ ['1'] = 'a' }", `{"1":"a"}`},
		{"a decoded empty list stays a list", "json.decode('{\"a\":[]}')", `{"a":[]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got, err := world.Eval(t, "json.encode("+row.value+")"); err != nil || got != row.want {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestWhatHasNoJSONFormIsAnErrorThatIsReturned(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, value, want string }{
		{"a function", "print", "json: a function has no JSON form"},
		{"a function in a table", "{ a = { print } }", "json: a function has no JSON form"},
		{"a coroutine", "coroutine.create(function() end)", "json: a thread has no JSON form"},
		{"not a number", "0/0", "json: NaN has no JSON form"},
		{"infinity", "-1/0", "json: -Inf has no JSON form"},
		{"a hole", "{ 1, nil, 3 }", "json: a list of 2 values goes up to 3; it must have no holes"},
		{"a list that begins at 2", "{ [2] = 1 }", "json: a list of 1 values goes up to 2; it must have no holes"},
		{"a place 0", "{ [0] = 1 }", "json: the key 0 is not a string and not a place in a list"},
		{"half a place", "{ [1.5] = 1 }", "json: the key 1.5 is not a string and not a place in a list"},
		{"a key that is true", "{ [true] = 1 }", "json: a boolean is a key; allowed are strings, and 1 to n for lists"},
		{"a list with names", "{ 1, b = 2, a = 3 }", `json: a table has list values and the key "a"`},
		{"an array with names", "json.array{ a = 1 }", `json: a list has the key "a"`},
		{"a table in itself", "(function() local t = {} t.t = t return t end)()", "json: more than 200 nested tables, or a table that contains itself"},
		{"tables that double", "(function() local t = {} for i = 1, 40 do t = { t, t } end return t end)()", "json: more than 1048576 values"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got, err := world.Eval(t, "json.encode("+row.value+")"); err != nil || got != "nil "+row.want {
				t.Errorf("got %q, %v; want nil and %q", got, err, row.want)
			}
		})
	}
}

func TestATextIsDecoded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, text, read, want string }{
		{"null", `null`, "v == json.null", "true"},
		{"false", ` false `, "v", "false"},
		{"numbers", `[0, -1, 1.5, 1e3, 2E-1, -0.0]`, "v[1] .. ' ' .. v[2] .. ' ' .. v[3] .. ' ' .. v[4] .. ' ' .. v[5]", "0 -1 1.5 1000 0.2"},
		{"a string with escapes", `"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, "v", "a\"\\/\b\f\n\r\té😀"},
		{"half a surrogate", `"\ud83d"`, "v", "\ufffd"},
		{"bytes that are no UTF-8", "\"a\xffb\"", "v", "a\ufffdb"},
		{"a list", `["a", [], {}]`, "v[1] .. #v .. #v[2]", "a30"},
		{"null in a list keeps its place", `[null, 1]`, "#v .. tostring(v[1] == json.null) .. v[2]", "2true1"},
		{"an object", `{"a": {"b": "c"}, "": 1}`, "v.a.b .. v['']", "c1"},
		{"null in an object", `{"a": null}`, "v.a == json.null", "true"},
		{"a name twice: the last one counts", `{"a": 1, "a": 2}`, "v.a", "2"},
		{"blanks everywhere", " { \"a\" : [ 1 , 2 ] }\r\n\t", "v.a[2]", "2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := world.Eval(t, "(function() local v = json.decode("+quote(row.text)+") return "+row.read+" end)()")
			if err != nil || got != row.want {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestATextOfMoreThan64MiBIsRefused(t *testing.T) {
	t.Parallel()
	list := new(lua.LState).CreateTable(100, 0)
	for range 100 {
		list.Append(lua.LString(strings.Repeat("x", 1<<20)))
	}
	if _, err := luajson.Encode(nil, list); err == nil || err.Error() != "json: the text is larger than 64 MiB" {
		t.Errorf("got %v", err)
	}
}

// quote writes a text as a string of Lua.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		b.WriteString("\\" + string([]byte{'0' + s[i]/100, '0' + s[i]/10%10, '0' + s[i]%10}))
	}
	return b.String() + `"`
}

func TestATextThatIsNotJSONIsAnErrorThatIsReturned(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", "json: at byte 0: the text ends too soon"},
		{"a word", "hello", "json: at byte 0: found 'h'; expected a value"},
		{"half a word", "tru", "json: at byte 0: found 't'; expected a value"},
		{"more behind", "1 2", "json: at byte 2: there is more text after the value"},
		{"an open list", "[1", "json: at byte 2: the text ends too soon"},
		{"a comma at the end of a list", "[1,]", "json: at byte 3: found ']'; expected a value"},
		{"no comma", "[1 2]", "json: at byte 3: found '2'; expected a comma or ]"},
		{"a brace for a bracket", "[1}", "json: at byte 2: found '}'; expected a comma or ]"},
		{"a comma at the end of an object", `{"a":1,}`, "json: at byte 7: found '}'; expected a name in quotes"},
		{"a name without quotes", `{a:1}`, "json: at byte 1: found 'a'; expected a name in quotes"},
		{"no colon", `{"a" 1}`, "json: at byte 5: found '1'; expected a colon"},
		{"an open string", `"abc`, "json: at byte 4: the text ends too soon"},
		{"an open escape", `"abc\`, "json: at byte 5: the text ends too soon"},
		{"a line break in a string", "\"a\nb\"", `json: at byte 2: found '\n'; expected no control character in a string`},
		{"a wrong escape", `"\x"`, "json: at byte 4: the string before has a wrong escape: invalid character 'x' in string escape code"},
		{"a zero before", "01", "json: at byte 1: there is more text after the value"},
		{"a plus", "+1", "json: at byte 0: found '+'; expected a value"},
		{"no digit behind the point", "1.", "json: at byte 2: the text ends too soon"},
		{"no digit behind the e", "1ex", "json: at byte 2: found 'x'; expected a digit"},
		{"a number that is too large", "1e999", "json: at byte 5: the number before is too large"},
		{"NaN", "NaN", "json: at byte 0: found 'N'; expected a value"},
		{"a comment", "// a\n1", "json: at byte 0: found '/'; expected a value"},
		{"NUL", "\x00", `json: at byte 0: found '\x00'; expected a value`},
		{"too many lists", strings.Repeat("[", 201), "json: at byte 200: more than 200 nested lists and objects"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got, err := world.Eval(t, "json.decode("+quote(row.text)+")"); err != nil || got != "nil "+row.want {
				t.Errorf("got %q, %v; want nil and %q", got, err, row.want)
			}
		})
	}
}

func TestALibraryCanNotBeMadeAnArray(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"string", "json", "_G", "setmetatable({}, {})", "setmetatable({}, { __metatable = 'json.array' }) and string"} {
		_, err := world.Eval(t, "json.array("+table+")")
		if err == nil || !strings.HasSuffix(err.Error(), "json.array: expected a table without a metatable") {
			t.Errorf("%s: got %v", table, err)
		}
	}
	if got, err := world.Eval(t, "pcall(json.array, string), string.rep('a', 2), json.encode(json.array(json.array()))"); err != nil || got != "false aa []" {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
}

func TestWrongArgumentsRaise(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ call, want string }{
		{"json.decode()", "main.lua:1: bad argument #1 to 'decode' (s: string expected, got no value)"},
		{"json.decode({})", "main.lua:1: bad argument #1 to 'decode' (s: string expected, got table)"},
		{"json.array('x')", "main.lua:1: bad argument #1 to 'array' (table: table expected, got string)"},
		{"json.encode()", "main.lua:1: bad argument #1 to 'encode' (value: value expected)"},
	} {
		if _, err := world.Eval(t, row.call); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.call, err, row.want)
		}
	}
}

func TestAScriptCanNotWorkBeyondItsBudgetWithJSON(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"encoding tables that double":   "local t = {} for i = 1, 40 do t = { t, t } end keep(function() while true do json.encode(t) end end)",
		"encoding what is refused":      "local t = { a = 1 } for i = 1, 100000 do t[i] = i end keep(function() while true do json.encode(t) end end)",
		"encoding long strings":         "local s = ('x'):rep(2 ^ 20) keep(function() while true do json.encode(s) end end)",
		"decoding many values":          "local s = '[' .. ('[],'):rep(100000) .. '1]' keep(function() while true do json.decode(s) end end)",
		"decoding long strings":         "local s = '\"' .. ('x'):rep(2 ^ 20) .. '\"' keep(function() while true do json.decode(s) end end)",
		"decoding blanks":               "local s = (' '):rep(2 ^ 20) .. '1' keep(function() while true do json.decode(s) end end)",
		"decoding a string of escapes":  `local s = '"' .. ('\\n'):rep(2 ^ 19) .. '"' keep(function() while true do json.decode(s) end end)`,
		"decoding a number of a MiByte": "local s = ('1'):rep(2 ^ 20) keep(function() while true do json.decode(s) end end)",
	} {
		t.Run(name, func(t *testing.T) {
			s, ref := world.State(t, body)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // only a fault takes that long
			defer cancel()
			s.Arm(vm.Limits{CPU: 50 * time.Millisecond}, ctx)
			if err := s.Call(s.Func(ref), 0); !errors.Is(err, vm.ErrBudget) {
				t.Errorf("got %v, want the end of the budget", err)
			}
		})
	}
}

func FuzzDecodedTextEncodesToTheSame(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.5,-3e10,true,null,"é\u0000\n"],"":{}}`, `[[],{}]`, `"\ud83d\ude00"`, "1e308", `-0`, "[1,]", "\"\xff\"", "{\"a\":1,\"a\":2}",
	} {
		f.Add(seed)
	}
	L := lua.NewState()
	f.Cleanup(L.Close)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := luajson.Decode(L, text)
		var std any
		stdErr := stdjson.Unmarshal([]byte(text), &std)
		if deep := strings.Count(text, "[") + strings.Count(text, "{"); (err == nil) != (stdErr == nil) && deep <= 200 {
			t.Fatalf("%q: we say %v, encoding/json %v", text, err, stdErr)
		}
		if err != nil {
			return
		}
		once, err := luajson.Encode(nil, v)
		if err != nil {
			t.Fatalf("%q decodes, and does not encode: %v", text, err)
		}
		var again any
		if err := stdjson.Unmarshal(once, &again); err != nil {
			t.Fatalf("%q encodes to %q, which is no JSON: %v", text, once, err)
		}
		if !reflect.DeepEqual(again, std) {
			t.Fatalf("%q encodes to %q, which means something else", text, once)
		}
		if v, err = luajson.Decode(L, string(once)); err != nil {
			t.Fatal(err)
		}
		if twice, err := luajson.Encode(nil, v); err != nil || string(twice) != string(once) {
			t.Fatalf("%q encodes to %q, then to %q, %v", text, once, twice, err)
		}
	})
}
