package call_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
)

func TestWhatIsNotPublicIsForbiddenUnlessItIsAllowed(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(server(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) }), "http://"))
	plain := client(t, call.Rules{})
	for _, host := range []string{
		"127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]",
		"[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[fe80::1%25lo]", "[fd00::1]", "169.254.169.254", "10.0.0.1",
		"172.16.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "[ff02::1]", "127.0.0.1.",
	} {
		_, err := plain.Do(t.Context(), &call.Request{URL: "http://" + host + ":" + port + "/", Timeout: time.Minute})
		var failed *call.Error
		if !errors.As(err, &failed) || failed.Kind != call.Forbidden && failed.Kind != call.DNS && failed.Kind != call.Refused {
			t.Errorf("%s: %v", host, err)
		}
	}
	_, err := plain.Get(t.Context(), "http://127.0.0.1:"+port, 10, nil)
	want(t, err, call.Forbidden, "127.0.0.1:"+port+" is a loopback address, and http may dial public; it needs `allow 127.0.0.1` in the block `libs http`")
	if n := asked.Load(); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
	for rules, kind := range map[*call.Rules]call.Kind{
		{Allow: []string{"127.0.0.1"}}:                                              "",
		{Allow: []string{"localhost"}}:                                              "",
		{Allow: []string{"all"}}:                                                    "",
		{Allow: []string{"127.0.0.1"}, AllowHosts: []string{"localhost"}}:           "",
		{Allow: []string{"127.0.0.1:1"}}:                                            call.Forbidden,
		{Allow: []string{"all"}, Deny: []string{"127.0.0.0/8", "::1"}}:              call.Forbidden,
		{Allow: []string{"all"}, DenyHosts: []string{"LOCALHOST."}}:                 call.Forbidden,
		{Allow: []string{"all"}, AllowHosts: []string{"*.example"}}:                 call.Forbidden,
		{Allow: []string{"all"}, Upstreams: []string{"network"}}:                    call.Forbidden,
		{Allow: []string{"127.0.0.1"}, Upstreams: []string{"network", "127.0.0.1"}}: "",
	} {
		_, err := client(t, *rules).Get(t.Context(), "http://localhost:"+port, 10, nil)
		if kind == "" && err != nil {
			t.Errorf("%+v: %v", rules, err)
		} else if kind != "" {
			want(t, err, kind, "")
		}
	}
}

func TestHostsAreComparedAsNames(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		allow, deny, host string
		forbidden         bool
	}{
		{"api.example", "", "api.example", false},
		{"api.example", "", "API.example.", false},
		{"api.example", "", "x.api.example", true},
		{"*.example", "", "api.example", false},
		{"*.example", "", "a.api.example", true},
		{"*.example", "", "example", true},
		{"*.example", "", ".example", true},
		{"bücher.example", "", "xn--bcher-kva.example", false},
		{"", "*.example", "a.b.example", true},
		{"", "*.example", "example", false},
		{"", "10.0.0.1", "10.0.0.1", true},
		{"", "::1", "[::1]", true},
		{"", "a.example", "a.example。", true},
		{"", "a.example", "A。example%E3%80%82", true},
		{"", "*.example", "a．example｡", true},
		{"", "10.0.0.1", "[::ffff:10.0.0.1]", true},
		{"", "10.0.0.1", "[::ffff:a00:1%25lo]", true},
		{"", "::ffff:10.0.0.1", "10.0.0.1.", true},
		{"", "2001:db8::1", "[2001:0DB8:0::1]", true},
		{"2001:DB8:0::1", "", "[2001:db8::1]", false},
	} {
		rules := call.Rules{AllowHosts: strings.Fields(row.allow), DenyHosts: strings.Fields(row.deny), Allow: []string{"all"}, Deny: []string{"0.0.0.0/0", "::/0"}}
		_, err := client(t, rules).Do(t.Context(), &call.Request{URL: "http://" + row.host + ":1/", Timeout: time.Minute})
		if got := err != nil && strings.Contains(err.Error(), "_hosts"); got != row.forbidden {
			t.Errorf("%+v: %v", row, err)
		}
	}
}

func TestClientsOfTheSameRulesShareTheirConnections(t *testing.T) {
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	closed := make(chan struct{}, 10)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			connections.Add(1)
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	ask := func(r call.Rules) *call.Client {
		c, err := call.New(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), s.URL, 10, nil); err != nil {
			t.Fatal(err)
		}
		return c
	}
	one := ask(call.Rules{Allow: []string{"127.0.0.1", "10.0.0.1"}})
	two := ask(call.Rules{Allow: []string{"10.0.0.1", "127.0.0.1", "10.0.0.1"}})
	if n := connections.Load(); n != 1 {
		t.Errorf("there are %d connections", n)
	}
	other := ask(call.Rules{Allow: []string{"127.0.0.1"}})
	if n := connections.Load(); n != 2 {
		t.Errorf("with other rules there are %d connections", n)
	}
	one.Close()
	three := ask(call.Rules{Allow: []string{"127.0.0.1", "10.0.0.1"}}) // as after a reload: the new one is there before the last is closed
	if n := connections.Load(); n != 2 {
		t.Errorf("after a reload there are %d connections", n)
	}
	two.Close()
	three.Close()
	<-closed // the connection of rules that nobody has any more
	other.Close()
	<-closed
}

func TestTenThousandClientsWithoutRulesAreOne(t *testing.T) {
	all := make([]*call.Client, 10_000)
	for i := range all {
		all[i] = client(t, call.Rules{})
		if !call.SameTransport(all[0], all[i]) {
			t.Fatalf("client %d has a transport of its own", i)
		}
	}
}
