package stdlib

import (
	"context"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// BenchmarkPattern calls the functions that take patterns: ours, and those of gopher-lua.
func BenchmarkPattern(b *testing.B) {
	b.ReportAllocs()
	path := "/api/v2/users/12345/orders"
	line := `127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /index.html HTTP/1.0" 200 2326`
	page := strings.Repeat("<p>some text with <b>words</b> in it</p>\n", 100)
	for _, test := range []struct {
		name, function string
		args           []lua.LValue
	}{
		{"match_path", "match", texts(path, "^/api/v(%d+)/users/(%d+)")},
		{"match_cookie", "match", texts("a=1; theme=dark; sid=0123456789abcdef; z=2", "sid=(%x+)")},
		{"match_bearer", "match", texts("Bearer abc.def.ghi", "^[Bb]earer%s+(.+)$")},
		{"match_trim", "match", texts("   some words here   ", "^%s*(.-)%s*$")},
		{"match_nothing", "match", texts(path, "^/admin")},
		{"match_log", "match", texts(line, `^(%S+) %S+ %S+ %[(.-)%] "(%u+) (%S+)`)},
		{"find_plain", "find", texts(path, "users")},
		{"find_class", "find", texts(path, "%d%d%d")},
		{"find_late", "find", texts(page, "zebra%d")},
		{"find_set", "find", texts(page, "[^%w%s<>/]")},
		{"find_balanced", "find", texts("f(a(b)c(d(e)))", "%b()")},
		{"gsub_escape", "gsub", texts("a b&c=d/e?f", "[^%w]", "%%")},
		{"gsub_words", "gsub", texts(page, "%a+", "<%0>")},
		{"gsub_nothing", "gsub", texts(page, "zebra", "x")},
	} {
		b.Run(test.name+"/ours", func(b *testing.B) {
			builder, _ := newBuilder(vm.Options{})
			builder.State().Arm(vm.Limits{CPU: time.Hour}, context.Background())
			benchCall(b, builder.State().L, stringLibrary[test.function], test.args)
		})
		b.Run(test.name+"/gopher", func(b *testing.B) {
			L := lua.NewState()
			defer L.Close()
			benchCall(b, L, L.GetField(L.GetGlobal("string"), test.function).(*lua.LFunction).GFunction, test.args)
		})
	}
}

func texts(all ...string) []lua.LValue {
	values := make([]lua.LValue, len(all))
	for i, s := range all {
		values[i] = lua.LString(s)
	}
	return values
}

func benchCall(b *testing.B, L *lua.LState, function lua.LGFunction, args []lua.LValue) {
	b.ReportAllocs()
	fn := L.NewFunction(function)
	for b.Loop() {
		L.Push(fn)
		for _, arg := range args {
			L.Push(arg)
		}
		L.Call(len(args), lua.MultRet)
		L.SetTop(0)
	}
}
