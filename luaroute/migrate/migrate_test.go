package migrate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/migrate"
)

const old = `admin_base_path: /admin
lua_engine:
  enabled: true
  url: http://127.0.0.1:8081
  timeout: 5s
tenants:
  - name: acme
    path_prefix: /acme/
    domains: [ACME.example, "www.acme.example:8080", "*.acme.example", acme.example]
    health_interval: 10s
    lua_script: scripts/acme.lua
    services:
      - {name: stable, url: "http://10.0.0.1:8080/api/", health: /health}
      - name: canary
        url: https://10.0.0.2:8443
        health: http://10.0.0.2:9000/up?deep=1
        weight: 3
      - {name: bare, url: "http://10.0.0.3"}
  - name: two words
    path_prefix: /acme/*
    health_interval: 5
    services:
      - {name: one, url: "http://10.0.1.1:8080/v1", health: alive}
      - {name: two, url: "http://10.0.1.2:8080/v1", health: /alive}
      - {name: three, url: "http://10.0.1.3:8080/v2", health: /alive}
port: 8080
`

const caddyfile = `http:// {
	luaroute {
		tenant acme {
			host acme.example www.acme.example *.acme.example
			path_prefix /acme
			strip_prefix
			script scripts/acme.lua
			pool stable http://10.0.0.1:8080/api {
				health_uri /health
				health_interval 10s
			}
			pool canary https://10.0.0.2:8443 {
				health_uri /up?deep=1
				health_upstream 10.0.0.2:9000
				health_interval 10s
			}
			pool bare http://10.0.0.3:80
		}
		tenant ` + "`two words`" + ` {
			path_prefix /acme
			strip_prefix
			pool one http://10.0.1.1:8080/v1 http://10.0.1.2:8080/v1 {
				lb_policy first
				health_uri /alive
				health_interval 5s
			}
			use_pool one
		}
	}
	respond 404
}
`

func TestAnOldConfigurationBecomesACaddyfile(t *testing.T) {
	t.Parallel()
	got, notes, err := migrate.Caddyfile(strings.NewReader(old), migrate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got != caddyfile {
		t.Errorf("got\n%s\nwant\n%s", got, caddyfile)
	}
	want := []string{
		"line 1: admin_base_path is dropped",
		"line 4: lua_engine.url is dropped",
		"line 5: lua_engine.timeout is dropped",
		`line 9: the port of domain "www.acme.example:8080" is dropped`,
		`line 17: weight of service "canary" is dropped`,
		`line 16: the scheme of "http://10.0.0.2:9000/up?deep=1" is dropped`,
		`line 18: service "bare" has no health`,
		`line 25: service "three" is dropped: tenant "two words" has no script`,
		"line 26: port is dropped",
	}
	for _, w := range want {
		if !slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, w) }) {
			t.Errorf("nothing says %q", w)
		}
	}
	if len(notes) != len(want) {
		t.Errorf("the notes are\n%s", strings.Join(notes, "\n"))
	}
}

func TestTheSiteAndDisabledScriptsAreFollowed(t *testing.T) {
	t.Parallel()
	const in = "lua_engine: {enabled: false}\ntenants:\n- {name: a, lua_script: a.lua, domains: ['*'], services: [{name: s, url: 'http://h'}]}"
	got, notes, err := migrate.Caddyfile(strings.NewReader(in), migrate.Options{Site: ":8080"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got, ":8080 {\n") || strings.Contains(got, "script") || strings.Contains(got, "host ") || !strings.Contains(got, "use_pool s\n") {
		t.Error(got)
	}
	if len(notes) != 2 {
		t.Errorf("the notes are %q", notes)
	}
}

func TestWhatCanNotBeMigratedIsAnErrorWithItsLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                               "the file is empty; expected tenants",
		"tenants: [":                     "yaml: line 1:",
		"port: 1":                        "line 1: there are no tenants; expected a list of them",
		"tenants: 3":                     `line 1: tenants is "3"; expected a list`,
		"tenants:\n- 3":                  `line 2: a tenant is "3"; expected keys and values`,
		"tenants:\n- services: []":       "line 2: a tenant has no name",
		"tenants:\n- name: a":            `line 2: tenant "a" has no services`,
		"tenants:\n- name: [a]":          "line 2: name is a list; expected a string",
		"tenants:\n- name: a\n  name: b": "line 3: a tenant has name twice",
		"tenants:\n- name: a\n  health_interval: often":                                                                      `line 3: health_interval "often": expected a duration such as 10s`,
		"tenants:\n- name: a\n  path_prefix: a":                                                                              `line 3: path_prefix "a": expected a path that begins with a slash`,
		"tenants:\n- name: a\n  lua_script: |\n    return\n    nil":                                                          "line 3: lua_script holds code; write it into a file and name that",
		"tenants:\n- name: a\n  services:\n  - url: x":                                                                       "line 4: a service has no name",
		"tenants:\n- name: a\n  services:\n  - name: s":                                                                      `line 4: service "s" has no url`,
		"tenants:\n- name: a\n  services:\n  - {name: s, url: 'ftp://h'}":                                                    `line 4: url of service "s" is "ftp://h"; expected one such as http://10.0.0.1:8080`,
		"tenants:\n- name: a\n  services:\n  - {name: s, url: 'http://h'}\n  - {name: s, url: 'http://h'}":                   `line 5: tenant "a" has the service "s" twice`,
		"tenants:\n- name: '{a}'\n  services:\n  - {name: s, url: 'http://h'}":                                               `line 2: "{a}": braces and quotes have a meaning in Caddyfiles`,
		"tenants:\n- name: a\n  domains: ['https://a.example']\n  services: [{name: s, url: 'http://h'}]":                    `line 3: domain "https://a.example": expected a host`,
		"tenants:\n- {name: a, lua_script: a.lua, domains: [x, y]}\n- {name: b, lua_script: b.lua, domains: [y]}":            `line 3: tenant "b" has the host "y" and the prefix "" of tenant "a"`,
		"lua_engine: {enabled: perhaps}":                                                                                     `line 1: lua_engine.enabled is "perhaps"; expected true or false`,
		"tenants:\n- {name: a, services: [{name: s, url: 'http://h'}]}\n- {name: a, services: [{name: s, url: 'http://h'}]}": `line 3: tenant "a" appears twice`,
	} {
		_, _, err := migrate.Caddyfile(strings.NewReader(in), migrate.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: the error is %v; want %s", in, err, want)
		}
	}
}

func TestAliasesAndMergesMeanWhatTheyStandFor(t *testing.T) {
	t.Parallel()
	const in = `
tenants:
  - &a
    name: a
    domains: [&host a.example, b.example]
    health_interval: 1s
    services: &services
      - &s {name: s, url: "http://h:1", health: /up}
      - {<<: *s, name: t}
  - {<<: [{name: wrong, path_prefix: /b}, *a], name: b, domains: [*host], health_interval: null}
  - {<<: *a, name: c, path_prefix: /c, services: [*s]}
`
	const want = `http:// {
	luaroute {
		tenant a {
			host a.example b.example
			pool s http://h:1 http://h:1 {
				lb_policy first
				health_uri /up
				health_interval 1s
			}
			use_pool s
		}
		tenant b {
			host a.example
			path_prefix /b
			strip_prefix
			pool s http://h:1 http://h:1 {
				lb_policy first
				health_uri /up
			}
			use_pool s
		}
		tenant c {
			host a.example b.example
			path_prefix /c
			strip_prefix
			pool s http://h:1 {
				health_uri /up
				health_interval 1s
			}
			use_pool s
		}
	}
	respond 404
}
`
	got, notes, err := migrate.Caddyfile(strings.NewReader(in), migrate.Options{})
	if err != nil || len(notes) > 0 || got != want {
		t.Errorf("got\n%s, %q, %v; want\n%s", got, notes, err, want)
	}
	const circle = "tenants:\n- &a {name: a, <<: *a, services: [{name: s, url: 'http://h'}]}"
	if _, _, err := migrate.Caddyfile(strings.NewReader(circle), migrate.Options{}); err != nil {
		t.Errorf("a tenant that merges itself: %v", err)
	}
}
