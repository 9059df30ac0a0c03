package nested_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/luaroute/caddy-luaroute/luaroute/nested"
)

func TestEveryModuleOfAConfigurationIsVisited(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		id, config string
		want       []string
	}{
		"nothing within": {"http.handlers.encode", ``, []string{"http.handlers.encode "}},
		"a map of modules": {
			"http.handlers.encode", `{"encodings":{"gzip":{},"zstd":{}}}`,
			[]string{"http.handlers.encode ", "http.encoders.gzip encodings.gzip", "http.encoders.zstd encodings.zstd"},
		},
		"routes": {"http.handlers.subroute", `{"routes":[{"match":[{"not":[{"path":["/x"]}]}],"handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"vars","a":"b"}]}]}]}],
			"errors":{"routes":[{"handle":[{"handler":"error"}]}]}}`, []string{
			"http.handlers.subroute ", "http.matchers.not routes[0].match[0].not", "http.matchers.path routes[0].match[0].not[0].path",
			"http.handlers.subroute routes[0].handle[0]", "http.handlers.vars routes[0].handle[0].routes[0].handle[0]", "http.handlers.error errors.routes[0].handle[0]",
		}},
		"a proxy": {"http.handlers.reverse_proxy", `{"transport":{"protocol":"http","tls":{"ca":{"provider":"system"}},"network_proxy":{"from":"none"}},
			"load_balancing":{"selection_policy":{"policy":"header","field":"X","fallback":{"policy":"first"}},"retry_match":[{"path":["/y"]}]},
			"dynamic_upstreams":{"source":"a","name":"b"},"handle_response":[{"routes":[{"handle":[{"handler":"copy_response"}]}]}]}`, []string{
			"http.handlers.reverse_proxy ", "http.reverse_proxy.transport.http transport", "tls.ca_pool.source.system transport.tls.ca", "caddy.network_proxy.none transport.network_proxy",
			"http.reverse_proxy.selection_policies.header load_balancing.selection_policy", "http.reverse_proxy.selection_policies.first load_balancing.selection_policy.fallback",
			"http.matchers.path load_balancing.retry_match[0].path", "http.reverse_proxy.upstreams.a dynamic_upstreams", "http.handlers.copy_response handle_response[0].routes[0].handle[0]",
		}},
		"what Caddy cannot read":    {"http.handlers.subroute", `{"routes":5}`, []string{"http.handlers.subroute "}},
		"what there is not":         {"http.handlers.none", `{"routes":[]}`, []string{"http.handlers.none "}},
		"a module that has no name": {"http.handlers.subroute", `{"routes":[{"handle":[{"routes":[]},5]}]}`, []string{"http.handlers.subroute "}},
	} {
		var got []string
		err := nested.Walk(row.id, json.RawMessage(row.config), func(u nested.Use) error {
			got = append(got, u.ID+" "+u.Path)
			return nil
		})
		slices.Sort(got)
		slices.Sort(row.want)
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s: %v\nvisited %q\n   want %q", name, err, got, row.want)
		}
	}
}

func TestAnErrorSaysWhereTheModuleStands(t *testing.T) {
	t.Parallel()
	err := nested.Walk("http.handlers.subroute", json.RawMessage(`{"routes":[{},{"handle":[{"handler":"error"}]}]}`), func(u nested.Use) error {
		if u.ID == "http.handlers.error" {
			return errors.New("no")
		}
		return nil
	})
	if err == nil || err.Error() != "routes[1].handle[0]: no" {
		t.Errorf("the error is %v", err)
	}
}
