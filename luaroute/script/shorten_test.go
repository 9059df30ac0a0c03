package script_test

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

func TestALongMessageIsCutBetweenItsCharacters(t *testing.T) {
	t.Parallel()
	const most = 4 << 10
	e := &script.Error{Message: strings.Repeat("ü", most), Trace: "short"}
	e.Shorten()
	if want := strings.Repeat("ü", most/2) + "…"; e.Message != want || e.Trace != "short" {
		t.Errorf("%d bytes are left, and the trace %q", len(e.Message), e.Trace)
	}
	e = &script.Error{Message: "a" + strings.Repeat("ü", most)}
	e.Shorten()
	if want := "a" + strings.Repeat("ü", most/2-1) + "…"; e.Message != want {
		t.Errorf("%d bytes are left", len(e.Message))
	}
}
