package stdlib

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var (
	realLua = flag.String("lua", "", "compare with this interpreter of Lua 5.1 on a large corpus, not with the recorded one")
	record  = flag.Bool("record", false, "with -lua: record the small corpus in "+recordedFiles)
)

const (
	recordedFiles = "testdata/lua51/*.txt"
	preludeFile   = "testdata/lua51/prelude.lua"
	driverFile    = "testdata/lua51/driver.lua"
)

// corpora are what results are compared on. The recorded corpus is that of another seed, so that it is not a part of the
// large one.
var corpora = []struct {
	file            string
	generate        func(seed uint64, n int) []string
	large, recorded int
}{
	{"testdata/lua51/patterns.txt", patternCorpus, 150_000, 3000},
	{"testdata/lua51/library.txt", libraryCorpus, 40_000, 2000},
	{"testdata/lua51/coroutines.txt", coroutineCorpus, 20_000, 500},
	{"testdata/lua51/functions.txt", functionCorpus, 100_000, 500},
	{"testdata/lua51/messages.txt", messageCorpus, 15_000, 1000},
	{"testdata/lua51/errors.txt", errorCorpus, 15_000, 1000},
	{"testdata/lua51/traces.txt", traceCorpus, 15_000, 1000},
}

// The interpreter is not needed to run the tests of the project: what it said about a small corpus is recorded. With
// -lua it is asked about a large one.
func TestRealLuaHasTheSameResults(t *testing.T) {
	t.Parallel()
	for _, corpus := range corpora {
		t.Run(corpus.file, func(t *testing.T) {
			t.Parallel()
			if *record {
				writeRecorded(t, corpus.file, corpus.generate(1, corpus.recorded))
			}
			var expressions, want []string
			if *realLua == "" {
				expressions, want = readRecorded(t, corpus.file)
			} else {
				expressions = corpus.generate(2, corpus.large)
				want = askRealLua(t, expressions)
			}
			compare(t, expressions, want)
		})
	}
}

// compare evaluates expressions and compares what they return. It reports the first differences only.
func compare(t *testing.T, expressions, want []string) {
	t.Helper()
	evaluate := evaluator(t)
	different := 0
	for i, expression := range expressions {
		got := evaluate(expression)
		if got == want[i] {
			continue
		}
		if different++; different <= 20 {
			t.Errorf("%s\ngot  %s\nwant %s", expression, got, want[i])
		}
	}
	t.Logf("%d expressions, %d of them errors in both", len(expressions), countOf(want, "error"))
	if different > 20 {
		t.Errorf("%d more of %d differ", different-20, len(expressions))
	}
}

func countOf(list []string, s string) int {
	n := 0
	for _, v := range list {
		if v == s {
			n++
		}
	}
	return n
}

// evaluator returns a function that evaluates an expression and shows what it returns, as the driver does.
func evaluator(t *testing.T) func(expression string) string {
	t.Helper()
	prelude, err := os.ReadFile(preludeFile)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := newBuilder(vm.Options{})
	if err := b.Run(compile(t, string(prelude))); err != nil {
		t.Fatal(err)
	}
	L := b.State().L
	return func(expression string) string {
		program, err := script.Compile("corpus.lua", []byte("return "+expression))
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		b.State().Arm(vm.Limits{CPU: time.Minute}, context.Background())
		top := L.GetTop()
		if err := b.State().Call(L.NewFunctionFromProto(program.Proto), lua.MultRet); err != nil {
			if b.State().Broken() {
				t.Fatalf("%s: %v", expression, err)
			}
			return "error"
		}
		shown := make([]string, 0, 4)
		for i := top + 1; i <= L.GetTop(); i++ {
			shown = append(shown, show(L.Get(i)))
		}
		L.SetTop(top)
		return strings.Join(shown, " ")
	}
}

func show(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return luaQuote(string(v))
	case lua.LNumber:
		switch f := float64(v); {
		case math.IsNaN(f):
			return "nan"
		case math.IsInf(f, 0):
			return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
		case f == 0:
			return "0"
		default:
			return strconv.FormatFloat(f, 'g', 14, 64)
		}
	case lua.LBool, *lua.LNilType:
		return v.String()
	}
	return v.Type().String()
}

// luaQuote writes a string as a literal of Lua, on one line.
func luaQuote(s string) string {
	out := []byte{'"'}
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < 32 || c > 126:
			out = fmt.Appendf(out, "\\%03d", c)
		default:
			out = append(out, c)
		}
	}
	return string(append(out, '"'))
}

// askRealLua evaluates expressions with the interpreter.
func askRealLua(t *testing.T, expressions []string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, *realLua, driverFile, preludeFile)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LUA_INIT=")
	cmd.Stdin = strings.NewReader(strings.Join(expressions, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v %s; -lua names an interpreter of Lua 5.1, such as lua5.1 of the Debian package lua5.1", *realLua, err, &stderr)
	}
	results := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(results) != len(expressions) {
		t.Fatalf("%d results for %d expressions", len(results), len(expressions))
	}
	return results
}

// A recorded corpus has an expression and its result on a line, with a tab between.
func writeRecorded(t *testing.T, file string, expressions []string) {
	t.Helper()
	var out bytes.Buffer
	for i, result := range askRealLua(t, expressions) {
		fmt.Fprintf(&out, "%s\t%s\n", expressions[i], result)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readRecorded(t *testing.T, file string) (expressions, results []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		expression, result, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			t.Fatalf("%s: a line without a tab: %s", file, lines.Text())
		}
		expressions, results = append(expressions, expression), append(results, result)
	}
	if len(expressions) == 0 {
		t.Fatalf("%s is empty", file)
	}
	return expressions, results
}
