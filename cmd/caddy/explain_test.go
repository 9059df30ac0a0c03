package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// explained is a script with a pool, a guard, middleware and a function that answers.
const explained = `local route = require("luaroute")
route:pool("app", { "$app" })
route:get("/app/{id}", { name = "new", when = { header = { ["X-New"] = "1" } } }, { status = 203, body = "new" })
route:get("/app/{id}", route.proxy("app", { strip_prefix = "/app", headers = { set = { ["X-By"] = "lua" } } }))
route:group(function(g)
  g:use(function(req) if req.client_ip == "192.0.2.1" then return 403, "not you" end end)
  g:post("/made", function(req) return 201, req:body() end)
end)
route:get("/secure", { when = route.matcher("protocol", "https") }, { status = 202 })
`

// decided is a decision in JSON, as far as the tests look.
type decided struct {
	Pool, Stops, At, Error string
	Status                 int
	Next                   bool
	Allow                  []string
	Params                 map[string]string
	Response               string `json:"response_body"`
	Request                struct {
		Method, URI string
		Changed     http.Header `json:"changed_headers"`
	}
	Candidates []struct {
		Fate, At string
		Guards   []struct{ At, Verdict string }
	}
}

// fates are those of the candidates, in order.
func (d decided) fates() string {
	var all []string
	for _, c := range d.Candidates {
		all = append(all, c.Fate)
	}
	return strings.Join(all, ", ")
}

func TestTheAdminAPIExplainsAndSendsNothing(t *testing.T) {
	c := e2e.New(t)
	hits := 0
	c.Serve("app", func(http.ResponseWriter, *http.Request) { hits++ })
	c.Route(explained)
	ask := func(query, question string) (d decided) {
		t.Helper()
		answer := c.Admin(http.MethodPost, "/luaroute/main/explain"+query, question)
		if err := json.Unmarshal([]byte(answer.Body), &d); err != nil || answer.Status != 200 {
			t.Fatalf("%s is answered with %d %s", question, answer.Status, answer.Body)
		}
		return d
	}
	d := ask("", `{"path": "/app/7?a=b", "headers": {"X-New": "2"}}`)
	if d.Pool != "app" || d.Request.URI != "/7?a=b" || d.Request.Changed.Get("X-By") != "lua" || d.Params["id"] != "7" ||
		d.fates() != "guard, taken" || d.At != c.Expand("$dir/main.lua:4") || d.Candidates[0].Guards[0].Verdict != "no" {
		t.Errorf("the decision is %+v", d)
	}
	if d := ask("", `{"method": "POST", "path": "/made"}`); !strings.Contains(d.Stops, "main.lua:7 decides; ask with ?run=true") || d.Status != 0 {
		t.Errorf("without run, the decision is %+v", d)
	}
	if d := ask("?run=true", `{"method": "POST", "path": "/made", "body": "x"}`); d.Stops != "" || d.Status != 201 || d.Response != "x" {
		t.Errorf("with run, the decision is %+v", d)
	}
	if d := ask("?run=true", `{"method": "POST", "path": "/made", "remote_addr": "192.0.2.1"}`); d.Status != 403 {
		t.Errorf("for another client, the decision is %+v", d)
	}
	if d := ask("", `{"path": "/made"}`); d.Status != 405 || strings.Join(d.Allow, " ") != "POST" {
		t.Errorf("for another method, the decision is %+v", d)
	}
	if hits > 0 {
		t.Errorf("%d requests reached the origin", hits)
	}
	text := c.Admin(http.MethodPost, "/luaroute/main/explain?format=text", `{"path": "/app/7"}`)
	if !strings.HasPrefix(text.Body, "pool app\n") || !strings.HasPrefix(text.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("the text is %s", text.Body)
	}
	for question, want := range map[string]string{
		`{"url": "/"}`:       `unknown field \"url\"`,
		`{"path": "x"}`:      `path \"x\": expected one that begins with /`,
		`{"method": "no !"}`: "is not a method",
		`nonsense`:           "expected method, scheme, host, path, headers, remote_addr and body",
	} {
		if answer := c.Admin(http.MethodPost, "/luaroute/main/explain", question); answer.Status != 400 || !strings.Contains(answer.Body, want) {
			t.Errorf("%s is answered with %d %s, expected %s", question, answer.Status, answer.Body, want)
		}
	}
	if answer := c.Admin(http.MethodPost, "/luaroute/main/explain?run=perhaps", `{}`); answer.Status != 400 || !strings.Contains(answer.Body, "expected true or false") {
		t.Errorf("run=perhaps is answered with %d %s", answer.Status, answer.Body)
	}
}

func TestTheFunctionOfTheOldContractRunsOnlyIfAskedTo(t *testing.T) {
	c := e2e.New(t)
	app := c.Origin("app")
	c.File("main.lua", `
function on_route_request(request, backends)
  log("asked about " .. request.path)
  if request.path == "/no" then return { reject = true, reject_reason = "not this one" } end
  return { selected_backend = backends[1].name, modified_path = "/moved", modified_headers = { ["X-By"] = "old" } }
end`)
	c.Start(e2e.Site("pool app $app"))
	at := c.Expand("$dir/main.lua:2")
	for _, row := range []struct {
		query, path string
		want        decided
	}{
		{"", "/x", decided{Stops: "the handler at " + at + " decides; ask with ?run=true, or --run"}},
		{"?run=true", "/x", decided{Pool: "app"}},
		{"?run=true", "/no", decided{Status: 403, Response: "not this one"}},
	} {
		var d decided
		answer := c.Admin(http.MethodPost, "/luaroute/main/explain"+row.query, `{"path": "`+row.path+`"}`)
		if err := json.Unmarshal([]byte(answer.Body), &d); err != nil || d.At != at || d.Candidates[0].At != at || d.Pool != row.want.Pool ||
			d.Stops != row.want.Stops || d.Status != row.want.Status || d.Response != row.want.Response {
			t.Errorf("%s%s: the decision is %s", row.path, row.query, answer.Body)
		}
		if d.Pool != "" && (d.Request.URI != "/moved" || d.Request.Changed.Get("X-By") != "old" || d.fates() != "taken") {
			t.Errorf("%s%s: what is handed on is %s", row.path, row.query, answer.Body)
		}
		if row.query == "" && (c.Logged("asked about") > 0 || d.fates() != "decides") {
			t.Errorf("%s: the function has run, or the decision does not wait for it: %s", row.path, answer.Body)
		}
	}
	if n := app.Requests.Load(); n > 0 || c.Logged("asked about") != 2 {
		t.Errorf("%d requests reached the origin; the function was asked %d times", n, c.Logged("asked about"))
	}
}

func TestTheCommandsAskAFileAndARunningCaddyAlike(t *testing.T) {
	c := e2e.New(t)
	c.Set("app", "127.0.0.1:1")
	c.Route(explained)
	c.File("Caddyfile", e2e.Site(""))
	offline := []string{"--config", c.Expand("$dir/Caddyfile")}
	live := []string{"--address", c.Expand("$admin")}
	for _, args := range []string{
		"routes", "routes --format json", "explain /app/7", "explain -H X-New:1 --format json http://any.example/app/7?a=b",
		"explain -d text --run any.example/made", "explain -d text --run --remote 192.0.2.1 /made", "explain -X DELETE /nowhere",
		"explain https://any.example/secure", "explain http://any.example/secure",
	} {
		var output []string
		for _, where := range [][]string{offline, live} {
			words := append([]string{"luaroute"}, strings.Fields(args)...)
			out, _, code := caddyOutput(t, append(words, where...)...)
			if code != 0 || out == "" {
				t.Fatalf("%s %s: exit code %d and %s", args, where[0], code, out)
			}
			output = append(output, out)
		}
		if output[0] != output[1] {
			t.Errorf("%s: the file gives\n%s\nand the running Caddy\n%s", args, output[0], output[1])
		}
		for word, want := range map[string]string{
			"routes": c.Expand("$dir/main.lua:3"), "/app/7": "app", "X-New:1": `"status": 203`, "any.example/made": "answer 201",
			"192.0.2.1": "answer 403", "/nowhere": "Caddy's next handler", "https://any.example/secure": "answer 202",
			"http://any.example/secure": "Caddy's next handler",
		} {
			if strings.Contains(" "+args+" ", " "+word+" ") && !strings.Contains(output[0], want) {
				t.Errorf("%s: expected %s in\n%s", args, want, output[0])
			}
		}
	}
}

func TestExplainingDoesNotReload(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute")
		route:get("/", function() route.reload() return 204 end)
		route:expect({ path = "/" }, { status = 204 })`)
	answer := c.Admin(http.MethodPost, "/luaroute/main/explain?run=true", `{}`)
	if !strings.Contains(answer.Body, `"status":204`) || !strings.Contains(answer.Body, `"refused":["route.reload()"]`) {
		t.Errorf("the decision is %s", answer.Body)
	}
	reload(t, c) // what scripts had asked for before would come first, or be one with it
	if i := instances(t, c)[0]; i.Version != 2 || c.Logged(`"cause":"route.reload"`) > 0 {
		t.Errorf("the version is %d", i.Version)
	}
	c.Get("/").Want(204, "")
	e2e.Until(t, "a request has reloaded", func() bool { return instances(t, c)[0].Version == 3 })
}

func TestATenantThatAnswersIsNamedWithItsLine(t *testing.T) {
	c := e2e.New(t)
	c.Set("app", "127.0.0.1:1")
	c.Route(`local route = require("luaroute")
		route:pool("app", { "$app" })
		route:tenant("acme", { path_prefix = "/acme", pool = "app" })`)
	want := c.Expand("$dir/main.lua:3")
	for _, address := range []string{"$admin", "http://$admin/"} {
		out, _, code := caddyOutput(t, "luaroute", "explain", "--address", c.Expand(address), "--format", "json", "/acme/x")
		var d decided
		if err := json.Unmarshal([]byte(out), &d); err != nil || code != 0 || d.Pool != "app" || d.At != want || d.Candidates[0].At != want {
			t.Errorf("%s: exit code %d and %s", address, code, out)
		}
	}
}

func TestTheCommandsUsedWronglySayWhatIsAllowed(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile":  "http://:8080 {\n\tluaroute {\n\t\tscript $dir/main.lua\n\t}\n}\nhttp://:8081 {\n\tluaroute {\n\t\tname other\n\t\tscript $dir/main.lua\n\t}\n}\n",
		"main.lua":   `require("luaroute"):get("/", { status = 204 })`,
		"bad":        "http://:8080 {\n\tluaroute {\n\t\tscript $dir/bad.lua\n\t}\n}\n",
		"bad.lua":    `require("luaroute"):get("/", "nowhere")`,
		"x_test.lua": `it("x", function() expect(1):equals(2) end)`,
	})
	for args, row := range map[string]struct {
		code int
		want string
	}{
		"explain":                                         {2, "explain takes a URL or a path, found 0 arguments"},
		"explain ftp://x/":                                {2, "expected a URL of http or https, or a path"},
		"explain http:///x":                               {2, "the host is missing"},
		"explain -H x / ":                                 {2, "expected 'Name: value'"},
		"explain --remote here /":                         {2, "expected an IP address"},
		"explain --config $dir/Caddyfile /":               {2, "there are several instances; expected --name with one of main, other"},
		"explain --config $dir/Caddyfile --name x /":      {2, "expected main, other"},
		"explain --config $dir/Caddyfile --name other /":  {0, "answer 204"},
		"explain --config $dir/bad --adapter caddyfile /": {1, "bad.lua:1: error: no pool"},
		"routes --config $dir/Caddyfile":                  {0, "instance other"},
		"routes --format yaml":                            {2, "expected text or json"},
		"routes x":                                        {2, "routes takes no arguments"},
		"routes --config $dir/none.json":                  {1, "no such file"},
		"routes --address 127.0.0.1:1":                    {1, "refused"},
		"test":                                            {2, "test takes files or folders of tests, found none"},
		"test $dir/none_test.lua":                         {2, "no such file"},
		"test --format xml $dir":                          {2, "expected text, json, tap, junit"},
		"test --name main $dir":                           {2, "--name is an instance of the file that --config names"},
		"test --adapter caddyfile $dir":                   {2, "--adapter is for the file that --config names"},
		"test --config $dir/Caddyfile $dir":               {2, "there are several instances"},
		"test --config $dir/bad --adapter caddyfile $dir": {1, "bad.lua:1: error: no pool"},
		"test $dir":                                       {1, "tests failed: 1 of 1"},
	} {
		words := strings.Fields(strings.ReplaceAll(args, "$dir", dir))
		out, log, code := caddyOutput(t, append([]string{"luaroute"}, words...)...)
		if code != row.code || !strings.Contains(out+strings.ReplaceAll(log, `\"`, `"`), row.want) {
			t.Errorf("%s: exit code %d and\n%s%s\nexpected %d and %s", args, code, out, log, row.code, row.want)
		}
	}
	empty := filepath.Join(dir, "empty")
	if out, code := caddyCommand(t, "luaroute", "test", empty); code != 2 {
		t.Errorf("a folder that is not there: exit code %d and %s", code, out)
	}
}
