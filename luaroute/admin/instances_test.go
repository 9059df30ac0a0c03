package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

func TestAReloadOfWhatHasEndedIsNoFaultOfTheScripts(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	err := serveReload(new(instance.Instance), w, httptest.NewRequest(http.MethodPost, "/luaroute/main/reload", nil))
	if answer, ok := errors.AsType[caddy.APIError](err); !ok || answer.HTTPStatus != http.StatusServiceUnavailable {
		t.Errorf("the reload is answered with %v", err)
	}
}
