package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// mutant is a name in a script that can be misspelt.
type mutant struct {
	what, name string
	at         syntax.Pos
	quoted     bool
}

// vocabulary are the names that scripts can use.
type vocabulary struct{ members, options map[string]bool }

func vocabularyOf(known *reference.Reference) vocabulary {
	v := vocabulary{map[string]bool{}, map[string]bool{}}
	for _, lib := range known.Libraries {
		for _, doc := range lib.Docs {
			v.members[doc.Name] = true
		}
	}
	for _, class := range slices.Concat(known.Classes, known.Tables) {
		for _, doc := range class.Fields {
			v.members[doc.Name], v.options[doc.Name] = true, true
		}
		for _, doc := range class.Methods {
			v.members[doc.Name] = true
		}
	}
	return v
}

// mutants returns what can be misspelt in a script: methods, fields and functions that there are, keys of options, and pools.
func mutants(t *testing.T, code string, v vocabulary, pools []string) (all []mutant) {
	t.Helper()
	tree, err := script.Parse("main.lua", []byte(code))
	if err != nil {
		t.Fatal(err)
	}
	var declared syntax.Expr // the name of a pool, without which there is none to misspell
	syntax.Walk(tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Call:
			if n.Method != nil && v.members[n.Method.Text] {
				all = append(all, mutant{"method", n.Method.Text, n.Method.Start, false})
			}
			if n.Method != nil && n.Method.Text == "pool" {
				declared = n.Args[0]
			}
		case *syntax.Index:
			if key, ok := n.Key.(*syntax.String); ok && v.members[key.Value] && code[offset(code, key.Start)] != '"' {
				all = append(all, mutant{"function or field", key.Value, key.Start, false})
			}
		case *syntax.Field:
			if key, ok := n.Key.(*syntax.String); ok && v.options[key.Value] && code[offset(code, key.Start)] != '"' {
				all = append(all, mutant{"option", key.Value, key.Start, false})
			}
		case *syntax.String:
			at := offset(code, n.Start)
			if syntax.Expr(n) != declared && slices.Contains(pools, n.Value) && code[at] == '"' {
				all = append(all, mutant{"pool", n.Value, n.Start, true})
			}
			if slices.Contains(namesAfter(code, metricName), n.Value) && !strings.HasSuffix(code[:at+1], metricName) {
				all = append(all, mutant{"metric", n.Value, n.Start, true})
			}
		}
		return true
	}, nil)
	return all
}

func offset(code string, at syntax.Pos) int {
	line := 1
	for i := range code {
		if line == at.Line {
			return i + at.Column - 1
		}
		if code[i] == '\n' {
			line++
		}
	}
	return 0
}

// misspell returns a script with two letters of a name swapped, or its last one doubled.
func misspell(code string, m mutant) (string, string) {
	at := offset(code, m.at)
	if m.quoted {
		at++
	}
	wrong := m.name + m.name[len(m.name)-1:]
	for i := 1; i+1 < len(m.name); i++ {
		if m.name[i] != m.name[i+1] {
			wrong = m.name[:i] + m.name[i+1:i+2] + m.name[i:i+1] + m.name[i+2:]
			break
		}
	}
	return code[:at] + wrong + code[at+len(m.name):], wrong
}

// metricName and poolName are what stands before the name of a metric and of a pool that is declared.
const (
	metricName = `route.metric{ name = "`
	poolName   = `route:pool("`
)

// counts is an example whose metrics can be misspelt.
const counts = `local route = require("luaroute")
route.metric{ name = "cache", labels = { result = { "hit", "miss" } } }
route.metric{ name = "sizes", kind = "gauge" }
local function count(req, result) req:count("cache", 1, { result = result }) end
route:get("/x", function(req)
  count(req, "hit")
  req:count("sizes")
  return 204
end)
route:tenant("acme", { hosts = { "acme.example" } }, function(acme)
  acme:get("/y", { when = function(req) req:count("cache", 2) return true end }, function() return 204 end)
end)
`

// withPools returns an API that knows which pools there are, and which metrics.
func withPools(api *lint.API, pools []string) *lint.API {
	known := *api
	known.Names = map[string]lint.Names{
		"luaroute.PoolName":   {What: "pool", Kind: "unknown-pool", All: pools},
		"luaroute.MetricName": {What: "metric", Kind: "unknown-name"},
	}
	return &known
}

// nobodysNames are those that are not found: fields of tables that the example itself has made, of a matcher's JSON, and values of headers
// and cookies that are called as a pool is.
var nobodysNames = []string{
	"api_key/main.lua:10: option name as nmae",
	"api_key/main.lua:11: option name as nmae",
	"api_key/main.lua:12: option name as nmae",
	"api_key/main.lua:27: option error as erorr",
	"api_key/main.lua:29: function or field user as uesr",
	"api_key/main.lua:31: function or field name as nmae",
	"api_key/main.lua:33: function or field name as nmae",
	"api_key/main.lua:39: function or field user as uesr",
	"api_key/main.lua:42: option error as erorr",
	"canary/main.lua:33: pool old as odl",
	"canary/main.lua:34: pool new as nwe",
	"canary/main.lua:46: pool new as nwe",
	"compose/main.lua:13: option error as erorr",
	"docs-site/main.lua:27: option handler as hnadler",
	"docs-site/main.lua:27: option uri as uir",
	"docs-site/main.lua:28: option handler as hnadler",
	"flash_sale/main.lua:42: option message as msesage",
	"forward_auth/auth.lua:29: function or field groups as gorups",
	"forward_auth/auth.lua:51: function or field user as uesr",
	"forward_auth/auth.lua:53: function or field hash as hsah",
	"forward_auth/auth.lua:53: function or field password as psasword",
	"forward_auth/auth.lua:55: function or field user as uesr",
	"forward_auth/auth.lua:7: option groups as gorups",
	"forward_auth/auth.lua:7: option hash as hsah",
	"forward_auth/auth.lua:8: option groups as gorups",
	"forward_auth/auth.lua:8: option hash as hsah",
	"jwt_claim/main.lua:16: pool paid as piad",
	"jwt_claim/main.lua:16: pool paid as piad",
	"jwt_claim/main.lua:17: pool free as fere",
	"krakend/main.lua:16: method gsub as gusb",
	"krakend/main.lua:16: option pool as polo",
	"krakend/main.lua:16: option timeout as tmieout",
	"krakend/main.lua:16: option url as ulr",
	"krakend/main.lua:46: function or field user as uesr",
	"krakend/main.lua:47: function or field user as uesr",
	"maintenance/main.lua:20: option client_ip as cilent_ip",
	"mender/main.lua:10: option handler as hnadler",
	"mender/main.lua:10: option method as mtehod",
	"mender/main.lua:10: option uri as uir",
	"mender/main.lua:11: option handler as hnadler",
	"mender/main.lua:11: option upstreams as usptreams",
	"mender/main.lua:12: option handler as hnadler",
	"mender/main.lua:8: option match as mtach",
	"mender/main.lua:9: option handler as hnadler",
	"mender/main.lua:9: option status as sattus",
	"rewrite/main_test.lua:17: option headers as haeders",
	"rewrite/main_test.lua:17: option status as sattus",
	"rewrite/main_test.lua:18: option headers as haeders",
	"rewrite/main_test.lua:18: option status as sattus",
	"rewrite/main_test.lua:22: option headers as haeders",
	"rewrite/main_test.lua:22: option status as sattus",
	"sse/main.lua:15: option id as idd",
	"sse/main_test.lua:12: option body as bdoy",
	"sse/main_test.lua:12: option headers as haeders",
	"sse/main_test.lua:12: option status as sattus",
	"sse/main_test.lua:7: option body as bdoy",
	"sse/main_test.lua:7: option headers as haeders",
	"sse/main_test.lua:7: option status as sattus",
	"supabase/main.lua:12: option groups as gorups",
	"supabase/main.lua:12: option key as kye",
	"supabase/main.lua:12: option name as nmae",
	"supabase/main.lua:13: option groups as gorups",
	"supabase/main.lua:13: option key as kye",
	"supabase/main.lua:13: option name as nmae",
	"supabase/main.lua:16: function or field key as kye",
	"supabase/main.lua:44: option body as bdoy",
	"supabase/main.lua:44: option message as msesage",
	"supabase/main.lua:44: option status as sattus",
	"supabase/main.lua:8: option meta as mtea",
	"template/main.lua:27: option user as uesr",
	"validate/main.lua:25: option required as rqeuired",
	"validate/main.lua:26: option count as cuont",
	"validate/main.lua:26: option required as rqeuired",
	"validate/main.lua:34: option field as feild",
	"validate/main.lua:34: option message as msesage",
	"validate/main.lua:39: function or field required as rqeuired",
	"validate/main.lua:46: function or field field as feild",
	"validate/main.lua:46: function or field field as feild",
	"validate/main.lua:55: option error as erorr",
	"validate/main.lua:59: option error as erorr",
	"validate/main.lua:60: option error as erorr",
	"validate/main.lua:62: option errors as erorrs",
	"validate/main_test.lua:19: option count as cuont",
	"validate/main_test.lua:21: function or field errors as erorrs",
	"validate/main_test.lua:22: option field as feild",
	"validate/main_test.lua:22: option message as msesage",
	"validate/main_test.lua:23: option field as feild",
	"validate/main_test.lua:23: option message as msesage",
	"validate/main_test.lua:24: option field as feild",
	"validate/main_test.lua:24: option message as msesage",
	"weighted/main.lua:12: function or field version as vresion",
	"weighted/main.lua:13: pool canary as cnaary",
	"weighted/main.lua:13: pool stable as satble",
	"weighted/main.lua:9: pool canary as cnaary",
	"weighted/main.lua:9: pool stable as satble",
}

// Each name in each example is misspelt, one after the other.
func TestANameThatIsMisspeltIsFoundWithWhatWasMeant(t *testing.T) {
	t.Parallel()
	v, known, ofTests := vocabularyOf(reference.Build()), api(t), inTests(t)
	examples := scriptsBelow(t, "../../examples")
	examples["counts/main.lua"] = counts
	all := 0
	var missed []string
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		code := examples[name]
		pools := namesAfter(code, poolName)
		known := withPools(known, pools)
		if isTest(name) {
			known = ofTests
		}
		for _, m := range mutants(t, code, v, pools) {
			wrong, spelt := misspell(code, m)
			all++
			suggestion := fmt.Sprintf("did you mean %q?", m.name)
			if slices.ContainsFunc(looked(t, known, map[string]string{name: wrong}), func(f lint.Finding) bool {
				return f.Line == m.at.Line && strings.Contains(f.Message, suggestion)
			}) {
				continue
			}
			missed = append(missed, fmt.Sprintf("%s:%d: %s %s as %s", name, m.at.Line, m.what, m.name, spelt))
		}
	}
	slices.Sort(missed)
	t.Logf("%d of %d are found", all-len(missed), all)
	if !slices.Equal(missed, nobodysNames) {
		t.Errorf("not found:\n%s\nexpected:\n%s", strings.Join(missed, "\n"), strings.Join(nobodysNames, "\n"))
	}
}

// namesAfter returns the names that an example declares, behind what stands before each.
func namesAfter(code, before string) (names []string) {
	for _, part := range strings.Split(code, before)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		names = append(names, name)
	}
	return names
}
