package luaroute

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // the handler stands in a server
)

// It is not parallel: it changes what all loads ask.
func TestWithoutSupportForItsGopherLuaNothingIsProvisioned(t *testing.T) {
	was := supported
	defer func() { supported = was }()
	const config = `{"admin": {"disabled": true}, "logging": {"logs": {"default": {"level": "PANIC"}}}, "apps": {"http": {"servers": {"x": {
		"listen": ["127.0.0.1:0"], "routes": [{"handle": [{"handler": "luaroute", "sources": [{"source": "inline", "code": "--"}]}]}]}}}}}`
	for _, forced := range []error{nil, errors.New("gopher-lua v9.9.9 is another one")} {
		supported = func() error { return forced }
		var c caddy.Config
		if err := caddy.StrictUnmarshalJSON([]byte(config), &c); err != nil {
			t.Fatal(err)
		}
		err := caddy.Validate(&c)
		if forced == nil && err != nil || forced != nil && (err == nil || !strings.Contains(err.Error(), forced.Error())) {
			t.Errorf("with %v the configuration fails with %v", forced, err)
		}
	}
}
