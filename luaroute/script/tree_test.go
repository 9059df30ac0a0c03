package script

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// written writes a tree as Lua, in its own words and with no more parentheses.
func written(n syntax.Node) string {
	switch n := n.(type) {
	case *syntax.Block:
		return lines(n.Stmts, "\n")
	case *syntax.Assign:
		return lines(n.Targets, ",") + "=" + lines(n.Values, ",")
	case *syntax.Local:
		if len(n.Values) == 0 {
			return "local " + lines(n.Names, ",")
		}
		return "local " + lines(n.Names, ",") + "=" + lines(n.Values, ",")
	case *syntax.FunctionStmt:
		target := written(n.Target)
		if i, ok := n.Target.(*syntax.Index); ok {
			target = dotted(i)
		}
		if n.Method != nil {
			target += ":" + n.Method.Text
		}
		if n.Local {
			target = "local function " + target
		} else {
			target = "function " + target
		}
		return target + strings.TrimPrefix(written(n.Func), "function")
	case *syntax.CallStmt:
		return written(n.Call) + ";"
	case *syntax.Do:
		return "do " + written(n.Body) + " end"
	case *syntax.While:
		return "while " + written(n.Cond) + " do " + written(n.Body) + " end"
	case *syntax.Repeat:
		return "repeat " + written(n.Body) + " until " + written(n.Cond)
	case *syntax.If:
		out := ""
		for i, c := range n.Clauses {
			out += []string{"if ", " elseif "}[min(i, 1)] + written(c.Cond) + " then " + written(c.Body)
		}
		if n.Else != nil {
			out += " else " + written(n.Else)
		}
		return out + " end"
	case *syntax.NumericFor:
		out := "for " + n.Name.Text + "=" + written(n.Start) + "," + written(n.Limit)
		if n.Step != nil {
			out += "," + written(n.Step)
		}
		return out + " do " + written(n.Body) + " end"
	case *syntax.GenericFor:
		return "for " + lines(n.Names, ",") + " in " + lines(n.Values, ",") + " do " + written(n.Body) + " end"
	case *syntax.Return:
		return "return " + lines(n.Values, ",")
	case *syntax.Break:
		return "break"
	case *syntax.Goto:
		return "goto " + n.Label.Text
	case *syntax.Label:
		return "::" + n.Name.Text + "::"
	case *syntax.Name:
		return n.Text
	case *syntax.String:
		var b strings.Builder
		for _, c := range []byte(n.Value) {
			fmt.Fprintf(&b, "\\%03d", c)
		}
		return `"` + b.String() + `"`
	case *syntax.Number:
		if math.IsInf(n.Value, 0) {
			return "1e999"
		}
		return strconv.FormatFloat(n.Value, 'g', -1, 64)
	case *syntax.Constant:
		return n.Text
	case *syntax.Varargs:
		return "..."
	case *syntax.Function:
		params := lines(n.Params, ",")
		if n.Vararg {
			params = strings.TrimPrefix(params+",...", ",")
		}
		return "function(" + params + ") " + written(n.Body) + " end"
	case *syntax.Table:
		return "{" + lines(n.Fields, ";") + "}"
	case *syntax.Field:
		if n.Key != nil {
			return "[" + written(n.Key) + "]=" + written(n.Value)
		}
		return written(n.Value)
	case *syntax.Unary:
		return n.Op + " " + written(n.Operand)
	case *syntax.Binary:
		return written(n.Left) + " " + n.Op + " " + written(n.Right)
	case *syntax.Concat:
		return lines(n.Operands, " .. ")
	case *syntax.Index:
		return written(n.Object) + "[" + written(n.Key) + "]"
	case *syntax.Call:
		if n.Method != nil {
			return written(n.Func) + ":" + n.Method.Text + "(" + lines(n.Args, ",") + ")"
		}
		return written(n.Func) + "(" + lines(n.Args, ",") + ")"
	case *syntax.Paren:
		return "(" + written(n.Inner) + ")"
	}
	panic(fmt.Sprintf("%T", n))
}

func dotted(e syntax.Expr) string {
	if i, ok := e.(*syntax.Index); ok {
		return dotted(i.Object) + "." + i.Key.(*syntax.String).Value
	}
	return written(e)
}

func lines[T syntax.Node](list []T, between string) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = written(n)
	}
	return strings.Join(texts, between)
}

// sameCode reports whether two functions do the same.
func sameCode(a, b *lua.FunctionProto) bool {
	if !reflect.DeepEqual(a.Code, b.Code) || !reflect.DeepEqual(a.Constants, b.Constants) || a.IsVarArg != b.IsVarArg ||
		a.NumParameters != b.NumParameters || len(a.FunctionPrototypes) != len(b.FunctionPrototypes) {
		return false
	}
	for i := range a.FunctionPrototypes {
		if !sameCode(a.FunctionPrototypes[i], b.FunctionPrototypes[i]) {
			return false
		}
	}
	return true
}

// checkTree holds a tree against the text that it is of.
func checkTree(t *testing.T, name string, src []byte) {
	t.Helper()
	program, compileErr := Compile(name, src)
	tree, err := Parse(name, src)
	if fmt.Sprint(compileErr) != fmt.Sprint(err) {
		t.Fatalf("%s: Compile says %v, Parse %v", name, compileErr, err)
	}
	if err != nil {
		return
	}
	again, err := Compile(name, []byte(written(tree)))
	if err != nil || !sameCode(program.Proto, again.Proto) {
		t.Errorf("%s: what the tree says is another program: %v\n%s", name, err, written(tree))
	}
	text := strings.SplitAfter(string(ownText(src)), "\n")
	before := func(a, b syntax.Pos) bool { return a.Line < b.Line || a.Line == b.Line && a.Column <= b.Column }
	plain := !strings.Contains(string(src), "\r")
	var around []syntax.Node
	syntax.Walk(tree, func(n syntax.Node) bool {
		in := n.Range()
		if !before(in.Start, in.End) {
			t.Errorf("%s: %T begins at %v and ends at %v", name, n, in.Start, in.End)
		}
		if len(around) > 0 {
			if out := around[len(around)-1].Range(); !before(out.Start, in.Start) || !before(in.End, out.End) {
				t.Errorf("%s: %T at %v is not in %T at %v", name, n, in, around[len(around)-1], out)
			}
		}
		if id, ok := n.(*syntax.Name); ok && plain && text[in.Start.Line-1][in.Start.Column-1:in.End.Column-1] != id.Text {
			t.Errorf("%s: %s is not at %v", name, id.Text, in)
		}
		around = append(around, n)
		return true
	}, func(syntax.Node) { around = around[:len(around)-1] })
}

// scripts are those of the repository.
func scripts(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".lua") {
			all[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("%d scripts, %v", len(all), err)
	}
	return all
}

var odd = []string{
	"", "\ufeff", "#!/bin/lua\nx = 1", "#", "goto = 1", "local goto = 1 goto = goto", "goto x ::x::", "goto(1)", "goto\nx ::x::", "::a:: ::b::; ::c::",
	"for i = 1, 2 do goto continue ::continue:: end", "return", "return;", "do return end x = 1", "local a <const> = 1", "a.b:c'x'{}[1] = 2",
	"f{1, 2; 3, [4] = 5, a = 6,}", "x = -2 ^ -3 ^ 4", "x = not a == b", "x = a .. b .. -c .. d ^ e .. f", "x = a .. b == c .. d and e or f", "x = (f())",
	"function a.b.c:d(...) return ... end", "function f(a, ...) return arg end", "local function f() return f end", "x = [==[\r\n]]\n]==]", "x = 'a\\\r\nb' y = 1",
	"a\n(b)", "a;(b)()", "x = 0x10 + .5 + 3. + 1e3", "while 1 do break end", "repeat local x until x", ";", "f();;", "a, b.c, d[1] = 1", "x = {f = function() end}", "x = }", "--[[", "x = '\\300'",
	"local a = 1 --[[ x ]] local b = 2 -- y",
}

func TestATreeIsTheProgramThatTheCompilerMakes(t *testing.T) {
	t.Parallel()
	for name, src := range scripts(t) {
		checkTree(t, name, src)
		for _, end := range []string{"\r\n", "\r", "\n\r"} {
			checkTree(t, name, []byte(strings.ReplaceAll(string(src), "\n", end)))
		}
	}
	for _, src := range odd {
		checkTree(t, src, []byte(src))
	}
}

func TestOperatorsBindAsInLua(t *testing.T) {
	t.Parallel()
	var grouped func(syntax.Node) string
	grouped = func(n syntax.Node) string {
		switch n := n.(type) {
		case *syntax.Unary:
			return "(" + n.Op + grouped(n.Operand) + ")"
		case *syntax.Binary:
			return "(" + grouped(n.Left) + n.Op + grouped(n.Right) + ")"
		case *syntax.Concat:
			texts := make([]string, len(n.Operands))
			for i, o := range n.Operands {
				texts[i] = grouped(o)
			}
			return "(" + strings.Join(texts, "..") + ")"
		}
		return written(n)
	}
	for text, want := range map[string]string{
		"a + b * c - d": "((a+(b*c))-d)", "-a ^ b ^ c": "(-(a^(b^c)))", "a ^ -b": "(a^(-b))", "not a == b": "((nota)==b)", "a .. b .. c == d": "((a..b..c)==d)",
		"a or b and c < d .. e + f": "(aor(band(c<(d..(e+f)))))", "#a .. b": "((#a)..b)", "a - b - c": "((a-b)-c)", "a < b == c": "((a<b)==c)", "a .. b + c .. d": "(a..(b+c)..d)",
	} {
		tree, err := Parse("x", []byte("return "+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := grouped(tree.Stmts[0].(*syntax.Return).Values[0]); got != want {
			t.Errorf("%s is %s, expected %s", text, got, want)
		}
	}
}

func TestANodeKnowsWhereItStands(t *testing.T) {
	t.Parallel()
	src := "#!/x\nlocal a = [[\r\n]]\r\n  f(a,\n 'b'):m{}"
	tree, err := Parse("x", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	syntax.Walk(tree, func(n syntax.Node) bool {
		in := n.Range()
		got = append(got, fmt.Sprintf("%s %d:%d-%d:%d", strings.TrimPrefix(fmt.Sprintf("%T", n), "*syntax."), in.Start.Line, in.Start.Column, in.End.Line, in.End.Column))
		return true
	}, nil)
	want := "Block 2:1-5:10, Local 2:1-3:3, Name 2:7-2:8, String 2:11-3:3, CallStmt 4:3-5:10, Call 4:3-5:10, Call 4:3-5:6, Name 4:3-4:4, Name 4:5-4:6, " +
		"String 5:2-5:5, Name 5:7-5:8, Table 5:8-5:10"
	if all := strings.Join(got, ", "); all != want {
		t.Errorf("got\n%s\nwant\n%s", all, want)
	}
}

func FuzzATreeIsTheProgramThatTheCompilerMakes(f *testing.F) {
	for _, src := range scripts(f) {
		f.Add(src)
	}
	for _, src := range odd {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) { checkTree(t, "x", src) })
}
