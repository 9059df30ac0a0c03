package reference_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/legacy"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// walk returns what a table of globals holds, with the types: of _G itself with an empty name.
func walk(t *testing.T, table string) map[string]string {
	t.Helper()
	found := map[string]string{}
	take := vm.GoFunc(func(L *lua.LState) int {
		if name := L.CheckString(1); !strings.HasPrefix(name, "(") && name != "take" {
			found[name] = L.CheckString(2)
		}
		return 0
	})
	globals := legacy.Globals()
	b := vm.NewBuilder(stdlib.Open, vm.Options{Globals: map[string]lua.LValue{"log": globals["log"], "take": take}})
	p, err := script.Compile("main.lua", []byte("for k, v in pairs("+table+") do take(k, type(v)) end"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(p); err != nil {
		t.Fatal(err)
	}
	return found
}

// compareTypes reports names that only one of a live table and its description has, or as something else.
func compareTypes(t *testing.T, what string, docs []vm.Doc, live map[string]string) {
	t.Helper()
	var names []string
	for name, kind := range live {
		names = append(names, name)
		for _, doc := range docs {
			if doc.Name == name && (doc.Type == "") != (kind == "function") {
				t.Errorf("%s: %s is a %s, and described as something else", what, name, kind)
			}
		}
	}
	same(t, what, docs, names)
}

func TestTheGlobalsOfTheSandboxAreThoseThatAreDescribed(t *testing.T) {
	t.Parallel()
	r := reference.Build()
	globals := slices.Clone(r.Globals)
	for _, table := range r.Tables {
		globals = append(globals, vm.Doc{Name: table.Name, Type: "table"})
		compareTypes(t, table.Name, table.Fields, walk(t, table.Name))
	}
	compareTypes(t, "_G", globals, walk(t, "_G"))
}

// lua51 is what the real Lua 5.1 has.
const lua51 = `_G _VERSION assert collectgarbage coroutine debug dofile error gcinfo getfenv getmetatable io ipairs load loadfile loadstring math module
newproxy next os package pairs pcall print rawequal rawget rawset require select setfenv setmetatable string table tonumber tostring type unpack xpcall
coroutine.create coroutine.resume coroutine.running coroutine.status coroutine.wrap coroutine.yield
debug.debug debug.getfenv debug.gethook debug.getinfo debug.getlocal debug.getmetatable debug.getregistry debug.getupvalue debug.setfenv debug.sethook
debug.setlocal debug.setmetatable debug.setupvalue debug.traceback
io.close io.flush io.input io.lines io.open io.output io.popen io.read io.stderr io.stdin io.stdout io.tmpfile io.type io.write
math.abs math.acos math.asin math.atan math.atan2 math.ceil math.cos math.cosh math.deg math.exp math.floor math.fmod math.frexp math.huge math.ldexp
math.log math.log10 math.max math.min math.mod math.modf math.pi math.pow math.rad math.random math.randomseed math.sin math.sinh math.sqrt math.tan math.tanh
os.clock os.date os.difftime os.execute os.exit os.getenv os.remove os.rename os.setlocale os.time os.tmpname
package.config package.cpath package.loaded package.loaders package.loadlib package.path package.preload package.seeall
string.byte string.char string.dump string.find string.format string.gfind string.gmatch string.gsub string.len string.lower string.match string.rep
string.reverse string.sub string.upper
table.concat table.foreach table.foreachi table.getn table.insert table.maxn table.remove table.setn table.sort`

func TestAllOfLua51IsThereOrSaidToBeAbsentWithTheReason(t *testing.T) {
	t.Parallel()
	r := reference.Build()
	there := map[string]bool{}
	for _, doc := range r.Globals {
		there[doc.Name] = true
	}
	for _, table := range r.Tables {
		there[table.Name] = true
		for _, doc := range table.Fields {
			there[table.Name+"."+doc.Name] = true
		}
	}
	known := strings.Fields(lua51)
	for _, doc := range r.Absent {
		if there[doc.Name] || doc.Text == "" || !slices.Contains(known, doc.Name) {
			t.Errorf("%s is said to be absent: %q", doc.Name, doc.Text)
		}
		there[doc.Name] = true
	}
	for _, name := range known {
		if !there[name] {
			t.Errorf("nothing is said of %s", name)
		}
	}
}

func TestTheRouterHasWhatIsDescribed(t *testing.T) {
	t.Parallel()
	_, err := luatest.Setup{}.Run(t, `local r = require("luaroute").new() local _, err = pcall(function() return r.none_such end) error(err)`)
	if err == nil {
		t.Fatal("a method that is not there is found")
	}
	_, list, ok := strings.Cut(err.Error(), "it has ")
	if !ok {
		t.Fatalf("no names in %q", err)
	}
	router := reference.Build().Router()
	same(t, "router", slices.Concat(router.Fields, router.Methods), strings.Split(list, ", "))
	// Each is there, as what it is described as.
	for _, doc := range slices.Concat(router.Fields, router.Methods) {
		want := "function"
		if doc.Type != "" {
			want = "userdata"
		}
		if _, err := (luatest.Setup{}).Run(t, `assert(type(require("luaroute").`+doc.Name+`) == "`+want+`")`); err != nil {
			t.Errorf("%s: %s", doc.Name, err)
		}
	}
}

// described returns the fields and methods of classes.
func described(t *testing.T, names ...string) (docs []vm.Doc) {
	t.Helper()
	r := reference.Build()
	for _, name := range names {
		class := r.Class(name)
		if class == nil {
			t.Fatalf("there is no class %s", name)
		}
		docs = append(docs, class.Fields...)
		docs = append(docs, class.Methods...)
	}
	return docs
}

func TestRequestsAndResponsesHaveWhatIsDescribed(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	code.WriteString("local route = require('luaroute')\nroute:get('/', function(req, res)\nlocal it\n")
	for object, class := range map[string]string{"req": "luaroute.Request", "res": "luaroute.Response"} {
		for _, doc := range described(t, class) {
			code.WriteString("it = " + object + "." + doc.Name)
			if doc.Type == "" {
				code.WriteString(" assert(type(it) == 'function', '" + doc.Name + "')")
			} else {
				code.WriteString(" assert(type(it) ~= 'function', '" + doc.Name + "')")
			}
			code.WriteString("\n")
		}
	}
	code.WriteString("return 200, 'all'\nend)")
	if got := (luatest.Setup{}).Serve(t, code.String()).Do(t, "GET /", ""); got.Status != 200 {
		t.Errorf("got %s", got)
	}
	site := (luatest.Setup{}).Serve(t, `require("luaroute"):get("/{o}", function(req, res)
		local objects = { req = req, res = res }
		local _, err = pcall(function() return objects[req.params.o].none_such end)
		return 200, err
	end)`)
	for object, class := range map[string]string{"req": "luaroute.Request", "res": "luaroute.Response"} {
		answer := site.Do(t, "GET /"+object, "")
		m := regexp.MustCompile(`its fields are (.*); its methods are (.*)$`).FindStringSubmatch(answer.Body)
		if m == nil {
			t.Fatalf("no names in %s", answer)
		}
		same(t, object, described(t, class), strings.Split(m[1]+", "+m[2], ", "))
	}
}

// TestWhatGoReadsAndWritesByNameIsDescribed compares the names in the code: of the cases of a switch, and of what is set in a table.
func TestWhatGoReadsAndWritesByNameIsDescribed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		file, function string
		classes        []string
	}{
		{"request/fields.go", "reqField", []string{"luaroute.Request"}},
		{"request/fields.go", "tlsTable", []string{"luaroute.TLS"}},
		{"lib/crypto/certificate.go", "Certificate", []string{"luaroute.ClientCertificate"}},
		{"lib/crypto/certificate.go", "keyTable", []string{"crypto.CertificateKey"}},
		{"request/response.go", "resField", []string{"luaroute.Response"}},
		{"request/response.go", "setCookieField", []string{"luaroute.Cookie"}},
		{"request/onjson.go", "run", []string{"luaroute.JSONInfo"}},
		{"hook/later.go", "info", []string{"luaroute.DoneInfo"}},
		{"hook/function.go", "failureTable", []string{"luaroute.Error"}},
		{"simulate/outcome.go", "outcomeTable", []string{"luaroute.Outcome"}},
		{"simulate/outcome.go", "requestTable", []string{"luaroute.HandedRequest"}},
		{"legacy/values.go", "arguments", []string{"luaroute.LegacyRequest", "luaroute.LegacyBackend"}},
		{"lib/url/parts.go", "parse", []string{"url.Parts"}},
	} {
		docs := described(t, row.classes...)
		docs = slices.DeleteFunc(docs, func(d vm.Doc) bool { return d.Type == "" })
		same(t, row.function, docs, names(t, "../"+row.file, row.function))
	}
}

// names returns the names in a function: the texts of its cases, and the first arguments and the keys of what sets fields.
func names(t *testing.T, file, function string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, err := strconv.Unquote(lit.Value); err == nil && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Name.Name != function {
			return n == parsed
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CaseClause:
				for _, e := range n.List {
					add(e)
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "RawSetString" {
					add(n.Args[0])
				}
				if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "set" {
					add(n.Args[0])
				}
			case *ast.CompositeLit:
				m, ok := n.Type.(*ast.MapType)
				if !ok {
					break
				}
				if value, ok := m.Value.(*ast.Ident); ok && value.Name == "string" {
					for _, e := range n.Elts {
						add(e.(*ast.KeyValueExpr).Key)
					}
				}
			}
			return true
		})
		return false
	})
	return all
}

func TestEachOptionIsReadAndEachOtherIsRefused(t *testing.T) {
	t.Parallel()
	const wrong = "print" // nothing takes a function of Go
	for class, call := range map[string]string{
		"luaroute.RouteOptions":     "route:get('/', OPTIONS, 'p')",
		"luaroute.LayerOptions":     "route:when({ header = { a = 'b' } }, OPTIONS, function() end)",
		"luaroute.ProxyOptions":     "route.proxy('p', OPTIONS)",
		"luaroute.HeaderOperations": "route.proxy('p', { headers = OPTIONS })",
		"luaroute.GuardData":        "route:get('/', { when = OPTIONS }, 'p')",
		"luaroute.ErrorPool":        "route:get('/', { on_error = OPTIONS }, 'p')",
		"luaroute.TenantSpec":       "route:tenant('t', OPTIONS, function() end)",
		"luaroute.TenantLimits":     "route:tenant('t', { script = 't.lua', limits = OPTIONS })",
		"luaroute.TenantAllow":      "route:tenant('t', { script = 't.lua', allow = OPTIONS })",
		"luaroute.ExpectRequest":    "route:expect(OPTIONS, { pool = 'p' })",
		"luaroute.ExpectOutcome":    "route:expect({ path = '/' }, OPTIONS)",
		"luaroute.PoolSpec":         "route:pool('q', OPTIONS)",
		"luaroute.ResponseTable":    "route:get('/', OPTIONS)",
		"json.Options":              "require('json').decode('1', OPTIONS)",
		"url.NewParts":              "require('url').build(OPTIONS)",
	} {
		fails := func(options string) string {
			t.Helper()
			_, err := luatest.Setup{Pools: map[string]string{"p": "127.0.0.1:1"}, Libraries: reference.Compiled()}.Run(t,
				"local route = require('luaroute')\n"+strings.Replace(call, "OPTIONS", options, 1))
			if err == nil {
				t.Errorf("%s: %s is accepted", class, options)
				return ""
			}
			return err.Error()
		}
		for _, doc := range described(t, class) {
			if got := fails("{ " + doc.Name + " = " + wrong + " }"); strings.Contains(got, "unknown key") || strings.Contains(got, "has the key") || strings.Contains(got, "no part") {
				t.Errorf("%s: %s is described, and not taken: %s", class, doc.Name, got)
			}
		}
		if class != "luaroute.PoolSpec" {
			if got := fails("{ none_such = 1 }"); !strings.Contains(got, "none_such") {
				t.Errorf("%s: another key is taken: %s", class, got)
			}
		}
	}
}
