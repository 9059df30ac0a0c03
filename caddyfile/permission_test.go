package caddyfile_test

import (
	"strings"
	"testing"
)

func TestABadPermissionIsAnErrorThatSaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ permission, want string }{
		"two names": {"luaroute a b", `unexpected argument "b"; expected the name of an instance, or nothing for all, at Caddyfile:3`},
		"a block":   {"luaroute {\nname a\n}", `"name": permission luaroute has no block; expected the name of an instance after it, or nothing for all, at Caddyfile:4`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := adapt("{\non_demand_tls {\npermission " + test.permission + "\n}\n}\n")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
