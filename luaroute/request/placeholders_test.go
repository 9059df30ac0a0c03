package request_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// What a script expands may come from the client, so it must not name what scripts cannot see by themselves.
func TestAPlaceholderReadsNoFileAndNoEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LUAROUTE_SECRET", "secret")
	s := site(t, "return 200, req:expand(req:header('X-Text'))")
	for text, want := range map[string]string{
		"<{file." + file + "}>":                          "200 <>",
		"<{env.LUAROUTE_SECRET}>":                        "200 <>",
		"<{file." + file + "}{http.request.method}>":     "200 <GET>",
		`<\{env.LUAROUTE_SECRET}>`:                       "200 <{env.LUAROUTE_SECRET}>",
		"<{http.request.header.X-Text}>":                 "200 <<{http.request.header.X-Text}>>",
		"<{http.vars.none}{{http.request.method}>":       "200 <>",
		"<{http.request.uri.path}{http.request.uri.path": "200 </x{http.request.uri.path",
	} {
		if a := s.Do(t, "/x", "", "X-Text: "+text); a.String() != want {
			t.Errorf("%s: got %s, want %s", text, a, want)
		}
	}
}

func TestAPlaceholderReadsTheBodyWithinItsLimit(t *testing.T) {
	t.Parallel()
	s := luatest.Setup{Limits: config.Limits{Body: 6}}.Serve(t, `require("luaroute"):post("/x", function(req)
		return 200, req:expand("{http.request.body} {http.request.body_base64} ") .. req:body()
	end)`)
	for body, want := range map[string]string{"": "200", "abcdef": "200 abcdef YWJjZGVm abcdef", "abcdefg": "413"} {
		if a := s.Do(t, "POST /x", body); a.String() != want {
			t.Errorf("%q: got %s, want %s", body, a, want)
		}
	}
}

func TestATextOfPlaceholdersHasALargestSize(t *testing.T) {
	t.Parallel()
	s := site(t, `return 200, #req:expand(("{http.request.header.X-Long}"):rep(tonumber(req.query.n)) .. ("x"):rep(tonumber(req.query.more)))`)
	long := strings.Repeat("x", 1<<16)
	if a := s.Do(t, "/x?n=16&more=0", "", "X-Long: "+long); a.String() != "200 "+strconv.Itoa(1<<20) {
		t.Errorf("1 MiB: got %s", a)
	}
	for query, want := range map[string]string{
		"n=17&more=0":      "expand: the result is too large; allowed are 1048576 bytes",
		"n=0&more=1048577": "expand: the string has 1048577 bytes; allowed are 1048576",
	} {
		a := s.Do(t, "/x?"+query, "", "X-Long: "+long)
		if got := (<-s.Errors).Error(); a.String() != "500" || !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %s, %s", query, a, got)
		}
	}
}
