package testredis

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// NewCluster starts three nodes, which share the slots, and returns when all know that. It returns nil if there is no redis-server.
func NewCluster(t testing.TB) []*Server {
	t.Helper()
	var nodes []*Server
	for _, slots := range [][2]string{{"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}} {
		bus := ports.Free(t)
		node := New(t, "cluster-enabled yes", "cluster-node-timeout 60000", "cluster-port "+bus)
		if node == nil {
			return nil
		}
		node.must("+OK", "CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1])
		if len(nodes) > 0 {
			nodes[0].must("+OK", "CLUSTER", "MEET", "127.0.0.1", node.port, bus)
		}
		nodes = append(nodes, node)
	}
	for _, node := range nodes {
		testkit.Until(t, "the cluster is whole", func() bool {
			info := node.Ask("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384") && strings.Contains(info, "cluster_size:3")
		})
	}
	return nodes
}

// NewReplica starts a replica of a server and returns when it has its data.
func NewReplica(t testing.TB, master *Server) *Server {
	t.Helper()
	replica := New(t, "replicaof 127.0.0.1 "+master.port)
	testkit.Until(t, "the replica has what the master has", func() bool {
		return strings.Contains(replica.Ask("INFO", "replication"), "master_link_status:up")
	})
	return replica
}

// NewSentinel starts a sentinel that watches a master, under a name, and returns when it knows the replica.
func NewSentinel(t testing.TB, name string, master *Server) *Server {
	t.Helper()
	sentinel := prepare(t, ports.Free(t), "sentinel monitor "+name+" 127.0.0.1 "+master.port+" 1",
		"sentinel down-after-milliseconds "+name+" 3000", "sentinel failover-timeout "+name+" 5000") // a busy machine stays below it
	sentinel.args = append(sentinel.args, "--sentinel")
	sentinel.Start()
	testkit.Until(t, "the sentinel knows the replica", func() bool {
		return strings.Contains(sentinel.Ask("INFO", "sentinel"), "slaves=1")
	})
	return sentinel
}

// must asks and insists on an answer.
func (s *Server) must(want string, words ...string) {
	s.t.Helper()
	if got := s.Ask(words...); got != want {
		s.t.Fatalf("%q answers %s, want %s", words, got, want)
	}
}
