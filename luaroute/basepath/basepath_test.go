package basepath_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/basepath"
)

func TestAnAddressKeepsEverythingButItsPath(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]string{
		"10.0.0.1:8080":                {"10.0.0.1:8080", ""},
		"http://10.0.0.1:8080":         {"http://10.0.0.1:8080", ""},
		"http://10.0.0.1:8080/":        {"http://10.0.0.1:8080", ""},
		"http://10.0.0.1:8080/base":    {"http://10.0.0.1:8080", "/base"},
		"https://[::1]:8443/a/b%2Fc/":  {"https://[::1]:8443", "/a/b%2Fc"},
		"http://app/with space/$1":     {"http://app", "/with%20space/$$1"},
		"unix//run/app.sock":           {"unix//run/app.sock", ""},
		"unix+h2c//run/app.sock":       {"unix+h2c//run/app.sock", ""},
		"fd/3":                         {"fd/3", ""},
		"10.0.0.1:8080/base":           {"10.0.0.1:8080", "/base"},
		"10.0.0.1:8080/":               {"10.0.0.1:8080", ""},
		"[::1]:8080/base/":             {"[::1]:8080", "/base"},
		"app.example/rpc/graphql":      {"app.example", "/rpc/graphql"},
		"unixapp:80/base":              {"unixapp:80", "/base"},
		"tcp/10.0.0.1:8080":            {"tcp/10.0.0.1:8080", ""},
		"tcp/10.0.0.1:8080/base":       {"tcp/10.0.0.1:8080", "/base"},
		"{http.vars.upstream}/base":    {"{http.vars.upstream}", "/base"},
		"{file./run/app}:80":           {"{file./run/app}:80", ""},
		"http://app/base?q=1":          {"http://app/base?q=1", ""},
		"{http.vars.upstream}":         {"{http.vars.upstream}", ""},
		"http://app//double//slashes/": {"http://app", "//double//slashes"},
	} {
		var path basepath.Path
		plain, err := path.Take(address)
		if err != nil || plain != want[0] {
			t.Errorf("%s: got %q, %v; want %q", address, plain, err, want[0])
		}
		config := map[string]any{}
		path.AddTo(config)
		expected := map[string]any{}
		if want[1] != "" {
			expected["rewrite"] = map[string]any{"path_regexp": []any{map[string]any{"find": "^", "replace": want[1]}}}
		}
		if !reflect.DeepEqual(config, expected) {
			t.Errorf("%s: the configuration is %v; want %v", address, config, expected)
		}
	}
}

func TestTheUpstreamsOfAPoolHaveOneBasePath(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		addresses []string
		want      string
	}{
		{[]string{"http://a/x", "http://b/x/"}, ""},
		{[]string{"http://a/x", "http://b/y"}, `upstream "http://b/y": its path "/y" is not "/x", that of "http://a/x"`},
		{[]string{"a:80", "http://b/y"}, `its path "/y" is not "", that of "a:80"`},
		{[]string{"http://a/{x}"}, "its path has a placeholder"},
		{[]string{"http://a/%zz"}, "its path: "},
	} {
		var path basepath.Path
		var failed error
		for _, address := range row.addresses {
			if _, err := path.Take(address); err != nil {
				failed = err
			}
		}
		if row.want == "" && failed != nil || row.want != "" && (failed == nil || !strings.Contains(failed.Error(), row.want)) {
			t.Errorf("%v: the error is %v; want %q", row.addresses, failed, row.want)
		}
	}
}
