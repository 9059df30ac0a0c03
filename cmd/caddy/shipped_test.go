package main

import "testing"

func TestTheConfigurationsOfImagesAreGood(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"../../testdata/image", "../../examples/compose"} {
		for _, command := range [][]string{{"validate"}, {"luaroute", "check"}} {
			if out, log, code := caddyOutputIn(t, dir, append(command, "--config", "Caddyfile")...); code != 0 {
				t.Errorf("%v in %s: exit code %d\n%s%s", command, dir, code, out, log)
			}
		}
	}
}
