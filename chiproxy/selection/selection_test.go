package selection_test

import (
	"strings"
	"testing"

	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/selection"
)

func TestAnUnknownPolicyIsAnErrorThatNamesTheOneThatWasMeant(t *testing.T) {
	t.Parallel()
	const allowed = "allowed are client_ip_hash, cookie, first, header, ip_hash, least_conn, query, random, random_choose, round_robin, uri_hash, weighted_round_robin"
	for name, meant := range map[string]string{
		"least_con":         "least_conn",
		"leastconn":         "least_conn",
		"least_connections": "least_conn",
		"least-conn":        "least_conn",
		"Least_Conn":        "least_conn",
		"roundrobin":        "round_robin",
		"round-robin":       "round_robin",
		"weighted":          "weighted_round_robin",
		"iphash":            "ip_hash",
		"cookies":           "cookie",
		"rand":              "random",
		"frist":             "first",
		"sticky":            "",
		"rr":                "",
		"":                  "",
	} {
		want := `unknown lb_policy "` + name + `"; ` + allowed
		if meant != "" {
			want += `; did you mean "` + meant + `"?`
		}
		if err := selection.Check(name); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %s", name, err, want)
		}
	}
}

func TestKnownPoliciesPassAndTheirFallbacksAreLookedAt(t *testing.T) {
	t.Parallel()
	for raw, unknown := range map[string]string{
		`{"policy": "least_conn"}`: "",
		`{"policy": "least_con"}`:  "least_con",
		`{"policy": 5}`:            "",
		`{}`:                       "",
		`[]`:                       "",
		``:                         "",
		`{"policy": "header", "field": "X", "fallback": {"policy": "first"}}`:                                              "",
		`{"policy": "header", "field": "X", "fallback": {"policy": "frist"}}`:                                              "frist",
		`{"policy": "header", "field": "X", "fallback": {"policy": "query", "key": "k", "fallback": {"policy": "frist"}}}`: "frist",
	} {
		err := selection.CheckJSON([]byte(raw))
		if unknown == "" && err != nil || unknown != "" && (err == nil || !strings.Contains(err.Error(), `unknown lb_policy "`+unknown+`"`)) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
