package stubs_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	_ "github.com/luaroute/caddy-luaroute/luaroute" // the libraries
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/stubs"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func made(t *testing.T, names stubs.Names) map[string]string {
	t.Helper()
	files, err := stubs.Files(reference.Build(), names)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// run runs a file with Lua's own libraries, and returns its state.
func run(t *testing.T, name, code string) *lua.LState {
	t.Helper()
	L := lua.NewState()
	t.Cleanup(L.Close)
	if err := L.DoString(code); err != nil {
		t.Fatalf("%s: %s", name, err)
	}
	return L
}

func TestStubsDefineExactlyTheNamesThatThereAre(t *testing.T) {
	t.Parallel()
	r := reference.Build()
	files := made(t, nil)
	modules := map[string][]vm.Doc{"luaroute.lua": slices.Concat(r.Router().Methods, r.TestRouter)}
	for _, lib := range r.Libraries {
		modules[lib.Name+".lua"] = slices.DeleteFunc(slices.Clone(lib.Docs), func(d vm.Doc) bool { return d.Type != "" })
	}
	for name, code := range files {
		L := run(t, name, code)
		if name == "builtin.lua" {
			for _, doc := range r.Absent {
				if !strings.Contains(code, "---@deprecated\nfunction "+doc.Name+"(...) end\n") && !strings.Contains(code, "---@deprecated\n"+doc.Name+" = nil\n") {
					t.Errorf("nothing says that %s is not there", doc.Name)
				}
			}
			continue
		}
		var want, got []string
		for _, doc := range modules[name] {
			want = append(want, doc.Name)
		}
		module, _ := L.Get(-1).(*lua.LTable)
		if module == nil {
			t.Errorf("%s returns %s", name, L.Get(-1))
			continue
		}
		module.ForEach(func(k, _ lua.LValue) { got = append(got, k.String()) })
		slices.Sort(want)
		slices.Sort(got)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s has %q; there are %q", name, got, want)
		}
	}
	// All classes and their fields are in some file.
	all := strings.Join(slices.Collect(maps.Values(files)), "\n")
	for _, class := range r.Classes {
		if n := len(regexp.MustCompile(`(?m)^---@(?:class|class \(exact\)|alias) `+regexp.QuoteMeta(class.Name)+`( .*)?$`).FindAllString(all, -1)); n != 1 {
			t.Errorf("%s is defined %d times", class.Name, n)
		}
		for _, doc := range class.Fields {
			if !regexp.MustCompile(`(?m)^---@field ` + doc.Name + `\?? `).MatchString(all) {
				t.Errorf("%s.%s is in no file", class.Name, doc.Name)
			}
		}
	}
}

func TestStubsAreTheSameEachTimeAndSmallAndOfPlainLines(t *testing.T) {
	t.Parallel()
	first := made(t, nil)
	size := 0
	for name, code := range first {
		size += len(code)
		lines := strings.SplitN(code, "\n", 3)
		if !strings.HasPrefix(lines[0], "---@meta") || lines[1] != stubs.Header || strings.Contains(code, "\r") || !strings.HasSuffix(code, "\n") {
			t.Errorf("%s begins with %q", name, lines[:2])
		}
		if m := regexp.MustCompile(`\]\((?:#|[\w-]+\.md)[^)]*\)`).FindString(code); m != "" {
			t.Errorf("%s has the link %s, which leads nowhere from there", name, m)
		}
	}
	if size > 150_000 {
		t.Errorf("they have %d bytes; editors become slow", size)
	}
	for range 5 {
		if !maps.Equal(first, made(t, nil)) {
			t.Fatal("another time they are different")
		}
	}
}

func TestTheCompilerOfLua51AcceptsStubs(t *testing.T) {
	t.Parallel()
	compiler, err := exec.LookPath("luac5.1")
	if err != nil {
		t.Log("luac5.1 is not in PATH; gopher-lua accepts them, which another test sees")
		return
	}
	for name, code := range made(t, nil) {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(compiler, "-p", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestAFunctionIsWrittenWithItsTypesTextAndOtherForms(t *testing.T) {
	t.Parallel()
	files := made(t, stubs.Names{"luaroute.PoolName": {"users", "beta", "users", `odd"`}})
	for file, wants := range map[string][]string{
		"luaroute.lua": {
			`---a route for every method but plain CONNECT
---
---[documentation](https://github.com/luaroute/caddy-luaroute/blob/main/docs/lua.md#the-router)
---@overload fun(self: luaroute.Router, pattern: string, handler: luaroute.Handler)
---@overload fun(pattern: string, options?: luaroute.RouteOptions, handler: luaroute.Handler)
---@overload fun(pattern: string, handler: luaroute.Handler)
---@param pattern string
---@param options? luaroute.RouteOptions
---@param handler luaroute.Handler
function route:any(pattern, options, handler) end
`,
			"---@alias luaroute.PoolName \"beta\"|\"users\"\n",
			"---@alias luaroute.EnvName string\n",
			"---@field is_nil fun(value: any) fails unless the value is nil\n",
			"---@field are luaroute.AssertAre assertions that compare two values\n",
			"---@type luaroute.Assert\nassert = {}\n",
			"---@class (exact) luaroute.LayerOptions\n---@field priority? number a whole number; the layer with the highest is tried first. Default: 0\n",
			"---@field [number] string\n---@field [string] any\n",
			"---@nodiscard\n---@return table<string, string|string[]>? fields\n---@return string? err\nfunction Request:form() end\n",
			"---@return any\nfunction Request:var(name, value) end\n",
			"|(fun(req: luaroute.Request, res: luaroute.Response): (luaroute.Answer?, luaroute.Body?, luaroute.HeaderTable?))\n",
			"see [scopes](https://github.com/luaroute/caddy-luaroute/blob/main/docs/matching.md#scopes)",
			"see [errors](https://github.com/luaroute/caddy-luaroute/blob/main/docs/lua.md#errors)",
			"function describe(name, fn) end\n",
		},
		"re.lua":      {"---@class re.Pattern\nlocal Pattern = {}\n", "function Pattern:match(s, init) end\n", "---@return number? first\n---@return number? last\n---@return string|false ...\nfunction re.find(s, pattern, init) end\n"},
		"json.lua":    {"---@field null json.Null null, which unlike nil can be in a table\nlocal json = {}\n", "---@field big? \"string\" "},
		"builtin.lua": {"function debug.traceback(message, level) end\n", "function log(message) end\n"},
	} {
		for _, want := range wants {
			if !strings.Contains(files[file], want) {
				t.Errorf("%s has no\n%s", file, want)
			}
		}
	}
	if strings.Contains(files["luaroute.lua"], "---@nodiscard\n---@return any\nfunction Request:var(") {
		t.Error("the result of a function that changes something must be looked at")
	}
}

// odd is a library of a plugin whose description cannot be read.
type odd struct{}

func (odd) Open(*lua.LState) lua.LValue { return lua.LNil }
func (odd) Docs() []vm.Doc              { return []vm.Doc{{Name: "go", Args: "to string"}} }

func TestADescriptionThatCannotBeReadIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	_, err := stubs.Files(reference.Of(map[string]vm.Library{"odd": odd{}}), nil)
	if want := `signature "to string": byte 4: found "string"; expected ":"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTheSettingsOfTheEditorNameTheFolder(t *testing.T) {
	t.Parallel()
	var got map[string]any
	if err := json.Unmarshal([]byte(stubs.Settings(".luaroute")), &got); err != nil {
		t.Fatal(err)
	}
	want := `{"diagnostics.globals":[],"runtime.builtin":{"debug":"disable","io":"disable","os":"enable"},"runtime.version":"Lua 5.1",` +
		`"workspace.checkThirdParty":false,"workspace.library":[".luaroute/library"]}`
	if text, _ := json.Marshal(got); string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestTheSettingsOfLuacheckHaveExactlyTheGlobalsOfTheSandbox(t *testing.T) {
	t.Parallel()
	r := reference.Build()
	L := run(t, ".luacheckrc", "stds, files = {}, {}\n"+stubs.Luacheck(r)+"\nreturn stds.luaroute.read_globals")
	got := map[string][]string{}
	L.Get(-1).(*lua.LTable).ForEach(func(k, v lua.LValue) {
		if name, ok := v.(lua.LString); ok {
			got[string(name)] = nil
			return
		}
		got[k.String()] = []string{}
		if fields, ok := L.GetField(v, "fields").(*lua.LTable); ok {
			fields.ForEach(func(_, name lua.LValue) { got[k.String()] = append(got[k.String()], name.String()) })
		}
	})
	want := map[string][]string{}
	for _, doc := range r.Globals {
		want[doc.Name] = nil
	}
	want["_G"] = []string{}
	for _, table := range r.Tables {
		want[table.Name] = table.FieldNames()
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
