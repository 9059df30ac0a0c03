// Package testredis starts servers of Redis for tests: `redis-server` of the system, which `.ci/run` installs.
//
// Where a developer has none, New logs that and returns nil, and the test ends: what it looks at is looked at by `.ci/run`.
package testredis

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// Server is one process of redis-server.
type Server struct {
	t    testing.TB
	args []string
	dir  string
	port string
	tls  bool
	out  *bytes.Buffer

	mu  sync.Mutex
	cmd *exec.Cmd
}

// New starts a server that keeps nothing on disk, with directives of its configuration such as "maxmemory 2mb". It returns nil if there is
// no redis-server.
func New(t testing.TB, directives ...string) *Server {
	t.Helper()
	s := prepare(t, ports.Free(t), directives...)
	if s != nil {
		s.Start()
	}
	return s
}

// prepare makes the configuration of a server on a port.
func prepare(t testing.TB, port string, directives ...string) *Server {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Log("redis-server is not in PATH, so nobody has asked it; Debian has it in redis-server, and .ci/run installs it")
		return nil
	}
	s := &Server{t: t, port: port, dir: t.TempDir(), out: new(bytes.Buffer)}
	lines := append([]string{"bind 127.0.0.1", "protected-mode no", "save \"\"", "appendonly no", "dir " + s.dir}, directives...)
	port = "port " + port
	for _, line := range directives {
		if strings.HasPrefix(line, "tls-cert-file ") {
			s.tls = true
			port = "port 0\ntls-" + port
		}
	}
	file := filepath.Join(s.dir, "redis.conf")
	if err := os.WriteFile(file, []byte(port+"\n"+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{program, file}
	t.Cleanup(s.Kill)
	return s
}

// Start starts the process, also again, on the same port, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	testkit.Until(s.t, "redis-server answers", func() bool {
		conn, err := net.Dial("tcp", s.Address())
		if err != nil {
			return false
		}
		defer conn.Close()
		if s.tls {
			return true
		}
		_, err = ask(conn, bufio.NewReader(conn), "PING") // any answer: it serves all that it listens on
		return err == nil
	})
}

// Address is where it listens.
func (s *Server) Address() string { return "127.0.0.1:" + s.port }

// Kill ends the process, if there is one, and returns when it is gone: connections are refused then.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Ask sends one command by a connection of its own, see the function.
func (s *Server) Ask(words ...string) string {
	s.t.Helper()
	return Ask(s.t, s.Address(), words...)
}
