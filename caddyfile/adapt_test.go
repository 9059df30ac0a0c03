package caddyfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	_ "github.com/luaroute/caddy-luaroute/caddyfile"
	"github.com/luaroute/caddy-luaroute/luaroute"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	_ "github.com/luaroute/caddy-luaroute/luaroute/kv/redis"
	_ "github.com/luaroute/caddy-luaroute/luaroute/source"
)

var update = flag.Bool("update", false, "write the JSON of the golden cases anew")

// separator stands between the Caddyfile of a golden case and its JSON.
const separator = "----------\n"

func TestGoldenCaddyfilesAdaptToTheirJSON(t *testing.T) {
	t.Parallel()
	for path, parts := range goldenCases(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			config, err := adapt(parts[0])
			if err != nil {
				t.Fatal(err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, config, "", "\t"); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			if *update {
				if err := os.WriteFile(path, []byte(parts[0]+separator+pretty.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := pretty.String(); got != parts[1] {
				t.Errorf("adapted to\n%s\nexpected\n%s", got, parts[1])
			}
		})
	}
}

func TestAdaptedJSONDecodesStrictlyAndEncodesToTheSameBytes(t *testing.T) {
	t.Parallel()
	for path, parts := range goldenCases(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			config, err := adapt(parts[0])
			if err != nil {
				t.Fatal(err)
			}
			instances := handlersIn(config)
			if len(instances) == 0 {
				t.Fatalf("no luaroute handler in %s", config)
			}
			for _, raw := range instances {
				if err := survivesDecoding(raw); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestEverySubdirectiveHasAGoldenCase takes the subdirectives from the errors that list them.
func TestEverySubdirectiveHasAGoldenCase(t *testing.T) {
	t.Parallel()
	written := map[string]bool{}
	for _, parts := range goldenCases(t) {
		for line := range strings.Lines(parts[0]) {
			if words := strings.Fields(line); len(words) > 0 {
				written[words[0]] = true
			}
		}
	}
	for _, block := range []string{"unknown", "tenant a {\n\tunknown\n}", "limits {\n\tunknown\n}", "allow {\n\tunknown\n}", "limit a {\n\tunknown\n}", "concurrency a {\n\tunknown\n}", "source storage {\n\tunknown\n}", "source file {\n\tunknown\n}"} {
		_, err := adapt(":80 {\n\tluaroute {\n" + block + "\n\t}\n}\n")
		if err == nil {
			t.Fatalf("adapted %s", block)
		}
		_, list, _ := strings.Cut(err.Error(), ": expected ")
		list, _, _ = strings.Cut(list, ", at ")
		names := strings.Split(strings.ReplaceAll(list, " or ", ", "), ", ")
		if len(names) < 2 {
			t.Errorf("the error lists no subdirectives: %s", err)
		}
		for _, name := range names {
			if !written[name] {
				t.Errorf("no golden case has %s", name)
			}
		}
	}
}

// goldenCases returns the Caddyfile and the JSON of every golden case by its path.
func goldenCases(t testing.TB) map[string][2]string {
	t.Helper()
	paths, err := filepath.Glob("../testdata/adapt/*.caddyfiletest")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 20 {
		t.Fatalf("%d golden cases: some are lost", len(paths))
	}
	cases := map[string][2]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		input, output, found := strings.Cut(string(content), separator)
		if !found && !*update {
			t.Fatalf("%s: no line of dashes", path)
		}
		cases[path] = [2]string{input, output}
	}
	return cases
}

// adapt returns the JSON of a Caddyfile. A warning, such as one of a Caddyfile that is not formatted, is an error.
func adapt(input string) ([]byte, error) {
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), nil)
	if err == nil && len(warnings) > 0 {
		return nil, errors.New(warnings[0].String())
	}
	return config, err
}

// handlersIn finds the luaroute handlers in a configuration, as they are written there.
func handlersIn(config json.RawMessage) (found []json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(config, &object) == nil {
		if string(object["handler"]) == `"luaroute"` {
			found = append(found, config)
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			found = append(found, handlersIn(object[key])...)
		}
		return found
	}
	var list []json.RawMessage
	if json.Unmarshal(config, &list) == nil {
		for _, item := range list {
			found = append(found, handlersIn(item)...)
		}
	}
	return found
}

// survivesDecoding checks that a handler, its pools and its handler blocks have no unknown key, and that nothing is
// lost on the way into Go and back.
func survivesDecoding(raw json.RawMessage) error {
	var instance luaroute.Handler
	if err := decodeModule(raw, &instance); err != nil {
		return err
	}
	if again := caddyconfig.JSONModuleObject(instance, "handler", "luaroute", nil); !bytes.Equal(again, raw) {
		return fmt.Errorf("decoded and encoded to\n%s\nfrom\n%s", again, raw)
	}
	scriptings := []config.Scripting{instance.Scripting}
	for _, tenant := range instance.Tenants {
		scriptings = append(scriptings, tenant.Scripting)
	}
	for _, s := range scriptings {
		for _, pool := range s.Pools {
			if err := caddy.StrictUnmarshalJSON(pool.Config, new(reverseproxy.Handler)); err != nil {
				return fmt.Errorf("pool %s: %w", pool.Name, err)
			}
		}
		for name, handler := range s.HandlersRaw {
			if err := decodeModule(handler, new(caddyhttp.Subroute)); err != nil {
				return fmt.Errorf("handler %s: %w", name, err)
			}
		}
	}
	return nil
}

// decodeModule decodes a handler as Caddy does: without its name, refusing unknown keys.
func decodeModule(raw json.RawMessage, to any) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	delete(object, "handler")
	rest, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return caddy.StrictUnmarshalJSON(rest, to)
}
