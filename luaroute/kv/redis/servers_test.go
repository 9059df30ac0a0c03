package redis_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/internal/testredis"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/redis"
)

// works sees that a store keeps a value, by a command and by a script.
func works(t *testing.T, s *redis.Redis) {
	t.Helper()
	perform(t, s, kv.Op{Kind: kv.Set, Key: "k", Value: value("v")})
	if got := perform(t, s, kv.Op{Kind: kv.Get, Key: "k", WithTTL: true}); string(got.Value) != "v" {
		t.Errorf("it keeps %q", got.Value)
	}
}

// why returns the text of the error of an operation.
func why(s *redis.Redis) string {
	_, err := s.Do(context.Background(), kv.Op{Kind: kv.Set, Scope: scope, Key: "k", Value: value("v")})
	return testkit.ErrText(err)
}

func TestRedisIsReachedByTLS(t *testing.T) {
	t.Parallel()
	ca, cert, key := testredis.Certificates(t, "redis.test")
	server := testredis.New(t, "tls-cert-file "+cert, "tls-key-file "+key, "tls-ca-cert-file "+ca, "tls-auth-clients yes")
	if server == nil {
		return
	}
	made := func(addresses []string, tls *redis.TLS) *redis.Redis {
		return provisioned(t, &redis.Redis{Addresses: addresses, TLS: tls, Timeout: patient})
	}
	plain, secure := []string{server.Address()}, []string{"rediss://" + server.Address()}
	works(t, made(plain, &redis.TLS{CA: ca, Cert: cert, Key: key, ServerName: "redis.test"}))
	works(t, made(secure, &redis.TLS{CA: ca, Cert: cert, Key: key, ServerName: "redis.test"}))
	for name, tls := range map[string]*redis.TLS{
		"without the authority":     {Cert: cert, Key: key, ServerName: "redis.test"},
		"without a certificate":     {CA: ca, ServerName: "redis.test"},
		"with another name":         {CA: ca, Cert: cert, Key: key, ServerName: "other.test"},
		"with the name of the host": {CA: ca, Cert: cert, Key: key},
	} {
		if got := why(made(plain, tls)); got != "down" {
			t.Errorf("%s: it says %q", name, got)
		}
	}
}

func TestAPasswordIsShown(t *testing.T) {
	t.Parallel()
	server := testredis.New(t, "requirepass s3cret", "user fleet on >other ~luaroute:* +@all")
	if server == nil {
		return
	}
	for address, want := range map[string]string{
		"redis://:s3cret@": "", "redis://default:s3cret@": "", "redis://fleet:other@": "",
		"redis://": "down: NOAUTH", "redis://:wrong@": "down: WRONGPASS", "redis://nobody:s3cret@": "down: WRONGPASS",
	} {
		if got := why(provisioned(t, &redis.Redis{Addresses: []string{address + server.Address()}, Timeout: patient})); got != want {
			t.Errorf("%s: it says %q, want %q", address, got, want)
		}
	}
	other := provisioned(t, &redis.Redis{Addresses: []string{"redis://fleet:other@" + server.Address()}, Prefix: "elsewhere", Timeout: patient})
	if got := why(other); got != "down: NOPERM" {
		t.Errorf("keys that are not allowed: it says %q", got)
	}
}

// allowedCommands is what docs/state.md says that the ACL must allow.
const allowedCommands = "+get +strlen +set +setrange +del +pexpire +persist +exists +pttl +scan +time +eval +evalsha +hello +select +ping"

func TestTheCommandsThatTheDocumentNamesAreEnough(t *testing.T) {
	t.Parallel()
	if document, err := os.ReadFile("../../../docs/state.md"); err != nil || !strings.Contains(string(document), allowedCommands) {
		t.Errorf("the document does not name %s (%v)", allowedCommands, err)
	}
	one := testredis.New(t)
	if one == nil {
		return
	}
	for name, servers := range map[string][]*testredis.Server{"alone": {one}, "cluster": testredis.NewCluster(t)} {
		allowed := strings.Fields(allowedCommands)
		if name == "cluster" {
			allowed = append(allowed, "+cluster|slots", "+cluster|shards")
		}
		var addresses []string
		for _, server := range servers {
			addresses = append(addresses, "redis://fleet:s3cret@"+server.Address())
			if got := server.Ask(append([]string{"ACL", "SETUSER", "fleet", "on", ">s3cret", "~luaroute:*", "-@all"}, allowed...)...); got != "+OK" {
				t.Fatal(got)
			}
		}
		if name == "alone" {
			addresses[0] += "/3"
		}
		s := provisioned(t, &redis.Redis{Addresses: addresses, Timeout: patient})
		for kind := kv.Get; kind <= kv.Keys; kind++ {
			for _, ttl := range []time.Duration{0, time.Hour} {
				perform(t, s, kv.Op{Kind: kind, Key: "1", Value: value("1"), HasValue: true, Old: value("1"), HasOld: true, TTL: ttl, WithTTL: ttl > 0, Limit: 1})
			}
		}
		for _, cost := range []int64{0, 1, -1} {
			taken(t, s, kv.Take{Key: "k", Interval: time.Second, Burst: 1, Cost: cost})
		}
	}
}

func TestADatabaseAndAPrefixKeepKeysApart(t *testing.T) {
	t.Parallel()
	server := testredis.New(t)
	if server == nil {
		return
	}
	for i, r := range []*redis.Redis{
		{Addresses: []string{server.Address()}},
		{Addresses: []string{server.Address()}, DB: 3},
		{Addresses: []string{"redis://" + server.Address() + "/4"}},
		{Addresses: []string{server.Address()}, Prefix: "other:one"},
	} {
		r.Timeout = patient
		if got := perform(t, provisioned(t, r), kv.Op{Kind: kv.Add, Key: "k", Value: value("v")}); !got.OK {
			t.Errorf("%d shares its keys with another", i)
		}
	}
	if got := server.Ask("GET", "other:one:main:acme:k"); got != "v" {
		t.Errorf("under the prefix there is %s", got)
	}
}

func TestRedisIsReachedByAUnixSocket(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "r.sock")
	if testredis.New(t, "unixsocket "+socket) != nil {
		works(t, provisioned(t, &redis.Redis{Addresses: []string{"unix://" + socket}, Timeout: patient}))
	}
}

func TestAScriptThatRedisHasForgottenIsSentAgain(t *testing.T) {
	really(t, func(t *testing.T, s *redis.Redis, raw func(...string) string) {
		for i := range 3 {
			if got := perform(t, s, kv.Op{Kind: kv.Increment, Key: "n", By: 1}); got.Number != float64(i+1) {
				t.Errorf("the number is %v, want %d", got.Number, i+1)
			}
			if got := raw("SCRIPT", "FLUSH"); got != "+OK" {
				t.Fatal(got)
			}
		}
	})
}

func TestKeysOfAllNodesOfAClusterAreOneStore(t *testing.T) {
	t.Parallel()
	nodes := testredis.NewCluster(t)
	if nodes == nil {
		return
	}
	s := provisioned(t, &redis.Redis{Addresses: []string{nodes[0].Address(), nodes[1].Address()}, Timeout: patient})
	var want []string
	for i := range 200 {
		key := "key " + strconv.Itoa(i)
		want = append(want, key)
		if got := perform(t, s, kv.Op{Kind: kv.Increment, Key: key, By: float64(i)}); got.Number != float64(i) {
			t.Errorf("%s is %v", key, got.Number)
		}
		perform(t, s, kv.Op{Kind: kv.Get, Key: key, WithTTL: true})
		perform(t, s, kv.Op{Kind: kv.CompareAndSwap, Key: key, HasOld: true, HasValue: true})
		taken(t, s, kv.Take{Key: key, Interval: time.Hour, Burst: 10, Cost: 1})
	}
	slices.Sort(want)
	if got := perform(t, s, kv.Op{Kind: kv.Keys, Key: "key", Limit: 1000}); !slices.Equal(got.Keys, want) || got.OK {
		t.Errorf("it lists %d keys (more: %v), want %d", len(got.Keys), got.OK, len(want))
	}
	for i, node := range nodes {
		if got := node.Ask("DBSIZE"); got == ":0" {
			t.Errorf("node %d has no key", i)
		}
	}

	// One address is a single server: what is elsewhere is not there.
	at := owner(nodes, "luaroute:main:acme:k")
	single := provisioned(t, &redis.Redis{Addresses: []string{nodes[(at+1)%3].Address()}, Timeout: patient})
	if got := why(single); got != "down: MOVED" {
		t.Errorf("a node that has another part says %q", got)
	}

	// A slot moves to another node: the old one says so, and the client follows.
	slot, id := nodes[0].Ask("CLUSTER", "KEYSLOT", "luaroute:main:acme:moved"), nodes[(owner(nodes, "luaroute:main:acme:moved")+1)%3].Ask("CLUSTER", "MYID")
	for _, node := range nodes {
		if got := node.Ask("CLUSTER", "SETSLOT", strings.TrimPrefix(slot, ":"), "NODE", id); got != "+OK" {
			t.Fatal(got)
		}
	}
	perform(t, s, kv.Op{Kind: kv.Set, Key: "moved", Value: value("v")})
}

// owner returns which node of a new cluster has a key.
func owner(nodes []*testredis.Server, key string) int {
	slot, _ := strconv.Atoi(strings.TrimPrefix(nodes[0].Ask("CLUSTER", "KEYSLOT", key), ":"))
	return slot / 5461
}

func TestASingleServerIsNoCluster(t *testing.T) {
	t.Parallel()
	one, other := testredis.New(t), testredis.New(t)
	if one == nil {
		return
	}
	if got := why(provisioned(t, &redis.Redis{Addresses: []string{one.Address(), other.Address()}, Timeout: patient})); got != "down: ERR" {
		t.Errorf("two servers that are no cluster: it says %q", got)
	}
}

func TestSentinelsLeadToTheNewMaster(t *testing.T) {
	t.Parallel()
	master := testredis.New(t)
	if master == nil {
		return
	}
	replica := testredis.NewReplica(t, master)
	sentinel := testredis.NewSentinel(t, "shop", master)
	s := provisioned(t, &redis.Redis{Addresses: []string{sentinel.Address()}, Sentinel: "shop", Timeout: patient})
	works(t, s)
	testkit.Until(t, "the replica has the value", func() bool { return replica.Ask("GET", "luaroute:main:acme:k") == "v" })
	master.Kill()
	testkit.Until(t, "the new master takes a value", func() bool {
		_, err := s.Do(context.Background(), kv.Op{Kind: kv.Set, Scope: scope, Key: "after", Value: value("v")})
		return err == nil
	})
	if got := replica.Ask("GET", "luaroute:main:acme:after"); got != "v" {
		t.Errorf("the new master has %s", got)
	}
	if got := perform(t, s, kv.Op{Kind: kv.Get, Key: "k"}); string(got.Value) != "v" {
		t.Errorf("what was there before is %q", got.Value)
	}
	nobody := provisioned(t, &redis.Redis{Addresses: []string{sentinel.Address()}, Sentinel: "nobody", Timeout: patient})
	if got := why(nobody); !strings.HasPrefix(got, "down") {
		t.Errorf("a master that nobody knows: it says %q", got)
	}
}
