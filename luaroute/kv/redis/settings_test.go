package redis

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// read reads a store as a Caddyfile has it, and its settings.
func read(text string) (settings, error) {
	r := new(Redis)
	if err := r.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
		return settings{}, err
	}
	if err := r.replace(); err != nil {
		return settings{}, err
	}
	s, err := r.settings()
	if err == nil {
		_, err = s.option()
	}
	return s, err
}

func TestAStoreIsReadFromACaddyfile(t *testing.T) {
	t.Setenv("LUAROUTE_TEST_SECRET", "s3cret")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	usual := settings{Network: "tcp", Timeout: 100 * time.Millisecond, DownAfter: 5}
	with := func(change func(*settings)) settings {
		s := usual
		change(&s)
		return s
	}
	for text, want := range map[string]settings{
		"redis localhost":           with(func(s *settings) { s.Addresses = []string{"localhost:6379"} }),
		"redis 10.0.0.1:7000":       with(func(s *settings) { s.Addresses = []string{"10.0.0.1:7000"} }),
		"redis ::1":                 with(func(s *settings) { s.Addresses = []string{"[::1]:6379"} }),
		"redis [::1]:7000":          with(func(s *settings) { s.Addresses = []string{"[::1]:7000"} }),
		"redis redis://r":           with(func(s *settings) { s.Addresses = []string{"r:6379"} }),
		"redis redis://r/":          with(func(s *settings) { s.Addresses = []string{"r:6379"} }),
		"redis valkey://r:1":        with(func(s *settings) { s.Addresses = []string{"r:1"} }),
		"redis redis://[::1]/3":     with(func(s *settings) { s.Addresses, s.DB = []string{"[::1]:6379"}, 3 }),
		"redis redis://:p%40@r":     with(func(s *settings) { s.Addresses, s.Password = []string{"r:6379"}, "p@" }),
		"redis redis://u:p@r:1/2":   with(func(s *settings) { s.Addresses, s.Username, s.Password, s.DB = []string{"r:1"}, "u", "p", 2 }),
		"redis rediss://r":          with(func(s *settings) { s.Addresses, s.TLS = []string{"r:6379"}, true }),
		"redis valkeys://r":         with(func(s *settings) { s.Addresses, s.TLS = []string{"r:6379"}, true }),
		"redis r {\n tls\n}":        with(func(s *settings) { s.Addresses, s.TLS = []string{"r:6379"}, true }),
		"redis unix:///run/r.sock":  with(func(s *settings) { s.Network, s.Addresses = "unix", []string{"/run/r.sock"} }),
		"redis unix:///r.sock?db=2": with(func(s *settings) { s.Network, s.Addresses, s.DB = "unix", []string{"/r.sock"}, 2 }),
		"redis unix://u:p@/r.sock": with(func(s *settings) {
			s.Network, s.Addresses, s.Username, s.Password = "unix", []string{"/r.sock"}, "u", "p"
		}),
		"redis a b:1":                 with(func(s *settings) { s.Addresses = []string{"a:6379", "b:1"} }),
		"redis a b {\n sentinel m\n}": with(func(s *settings) { s.Addresses, s.Sentinel = []string{"a:26379", "b:26379"}, "m" }),
		"redis redis://x:y@a/1 {\n sentinel m\n password p\n}": with(func(s *settings) {
			s.Addresses, s.Sentinel, s.SentinelUsername, s.SentinelPassword, s.Password, s.DB = []string{"a:26379"}, "m", "x", "y", "p", 1
		}),
		"redis r {\n username u\n password p\n db 4\n prefix x\n timeout 50ms\n down_after 2\n tls {\n  server_name n\n }\n}": with(func(s *settings) {
			s.Addresses, s.Username, s.Password, s.DB = []string{"r:6379"}, "u", "p", 4
			s.Timeout, s.DownAfter, s.TLS, s.ServerName = 50*time.Millisecond, 2, true, "n"
		}),
		"redis r {\n password {env.LUAROUTE_TEST_SECRET}\n}": with(func(s *settings) { s.Addresses, s.Password = []string{"r:6379"}, "s3cret" }),
		"redis r {\n password {file." + file + "}\n}":        with(func(s *settings) { s.Addresses, s.Password = []string{"r:6379"}, "from a file" }),
		"redis redis://:{env.LUAROUTE_TEST_SECRET}@r":        with(func(s *settings) { s.Addresses, s.Password = []string{"r:6379"}, "s3cret" }),
	} {
		got, err := read(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: it is read as\n%+v, want\n%+v", text, got, want)
		}
	}
}

func TestAnErrorSaysWhatIsAllowedAndShowsNoPassword(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"redis":                                      "redis: expected one address or more: host:port, redis://, rediss:// or unix://",
		"redis http://s3cret:s3cret@r":               `redis: address "http://r": expected host:port, redis://, rediss:// or unix://`,
		"redis redis://r:port":                       "not a URL",
		"redis redis://:s3%zzcret@r":                 "not a URL; special characters in a password are written as %40",
		"redis u:s3cret@r":                           `address "r": expected host:port`,
		"redis r:0":                                  `address "r:0": expected host:port`,
		"redis r:70000":                              `address "r:70000": expected host:port`,
		"redis redis://":                             "expected a host",
		"redis redis://:s3cret@r/x":                  `address "redis://r/x": expected the number of a database, found "x"`,
		"redis redis://r?password=s3cret":            "unexpected ? or #",
		"redis unix://r.sock":                        "expected an absolute path: unix:///run/redis.sock",
		"redis unix:///r?x=s3cret":                   "expected ?db=NUMBER or nothing after the path",
		"redis unix:///a unix:///b":                  "unix://: expected no other address with it",
		"redis unix:///a {\n tls\n}":                 "tls: expected none for unix://",
		"redis a a:6379":                             `address "a:6379" appears twice`,
		"redis a rediss://b":                         `address "b:6379": expected the same scheme, user, password and db in all addresses`,
		"redis redis://:s3cret@a redis://b":          `address "b:6379": expected the same`,
		"redis a b {\n db 1\n}":                      "db 1: several addresses are a cluster, which has only 0",
		"redis redis://a/1 {\n db 2\n}":              "db: the address has another one; expected it once",
		"redis redis://:s3cret@a {\n password p\n}":  "password: the address has another one",
		"redis a {\n username u\n}":                  "username: expected a password with it",
		"redis a {\n password s3cret s3cret\n}":      "password: expected one value, found 2",
		"redis a {\n db -1\n}":                       `db: expected a whole number of at least 0, found "-1"`,
		"redis a {\n down_after 0\n}":                `down_after: expected a whole number of at least 1, found "0"`,
		"redis a {\n max_value 0\n}":                 `max_value: expected at least one byte, found "0"`,
		"redis a {\n max_value many\n}":              "max_value: ",
		"redis a {\n timeout 1us\n}":                 `timeout: expected a duration of at least 1ms, such as 100ms, found "1us"`,
		"redis a {\n timeout\n}":                     "timeout: expected one value, found 0",
		"redis a {\n db 1\n db 1\n}":                 "redis: db appears twice",
		"redis a {\n size 1\n}":                      `redis: unknown subdirective "size": expected sentinel, username, password, db, prefix, tls, timeout, down_after or max_value`,
		"redis a {\n tls on\n}":                      `tls: expected a block or nothing, found "on"`,
		"redis a {\n tls {\n  insecure\n }\n}":       `tls: unknown subdirective "insecure": expected ca, cert, key or server_name`,
		"redis a {\n tls {\n  cert c\n }\n}":         "tls: expected cert and key together",
		"redis a {\n tls {\n  ca /no/file\n }\n}":    "tls: ca: open /no/file: no such file or directory",
		"redis a {\n tls {\n  ca " + key + "\n }\n}": "tls: ca: expected a PEM file with a certificate",
		"redis a {\n tls {\n  cert " + key + "\n  key " + key + "\n }\n}": "tls: cert and key: tls: failed to find",
		"redis a {\n password {env.LUAROUTE_TEST_NONE}\n}":                "password: evaluated placeholder {env.LUAROUTE_TEST_NONE} is empty",
		"redis {env.LUAROUTE_TEST_NONE}":                                  "addresses[0]: evaluated placeholder {env.LUAROUTE_TEST_NONE} is empty",
	} {
		_, err := read(text)
		if got := testkit.ErrText(err); !strings.Contains(got, want) || strings.Contains(got, "s3") {
			t.Errorf("%s: the error is %q, want %q", text, got, want)
		}
	}
}

func TestJSONIsHeldToTheSameBounds(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]*Redis{
		"kv redis: expected one address or more":                      {},
		"kv redis: timeout 1µs: expected at least 1ms":                {Addresses: []string{"a"}, Timeout: caddy.Duration(time.Microsecond)},
		"kv redis: down_after -1: expected a whole number above 0":    {Addresses: []string{"a"}, DownAfter: -1},
		"kv redis: db -1: expected a whole number of at least 0":      {Addresses: []string{"a"}, DB: -1},
		"kv redis: sentinel: unrecognized placeholder {nobody.knows}": {Addresses: []string{"a"}, Sentinel: "{nobody.knows}"},
	} {
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		defer cancel()
		if got := testkit.ErrText(r.Provision(ctx)); !strings.Contains(got, want) {
			t.Errorf("the error is %q, want %q", got, want)
		}
		if err := r.Cleanup(); err != nil {
			t.Errorf("%s: cleaning up: %v", want, err)
		}
	}
}
