package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// server is a running program that serves variants.
type server struct {
	addresses map[string]string // by variant
	pids      []int             // of the processes whose CPU time counts
	caddy     *process          // nil if it can not be asked about its memory
}

// cpu is the CPU time that the server has used so far.
func (s *server) cpu() (sum time.Duration, err error) {
	for _, pid := range s.pids {
		used, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// missingError is why a stand cannot be measured here.
type missingError string

// Error says what is missing.
func (e missingError) Error() string { return string(e) }

// find returns the path of a program of the system. Those of servers may be where a user's shell does not look.
func find(name, packages string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if file, err := exec.LookPath(candidate); err == nil {
			return file, nil
		}
	}
	return "", missingError(fmt.Sprintf("%s is not installed; Debian has it in %s", name, packages))
}

// freeAddresses returns an address for each variant that nobody listens on.
func freeAddresses(variants []variant) (map[string]string, error) {
	all := map[string]string{}
	for _, v := range variants {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // held until all are found
		all[v.name] = l.Addr().String()
	}
	return all, nil
}

// launch starts a program that is not ours, and returns when it listens on all addresses.
func (b *bench) launch(addresses map[string]string, program string, args ...string) (*server, error) {
	cmd := exec.CommandContext(b.ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, b.logs, b.logs
	cmd.Env = append(slices.DeleteFunc(os.Environ(), tunesGo), "HOME="+b.dir, "XDG_DATA_HOME="+b.dir, "XDG_CONFIG_HOME="+b.dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	b.ends = append(b.ends, func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		select {
		case <-exited: // whatever it says of its end does not matter any more
		case <-time.After(patience):
			return cmd.Process.Kill()
		}
		return nil
	})
	for _, address := range addresses {
		if err := await(address, exited); err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
	}
	return &server{addresses: addresses, pids: []int{cmd.Process.Pid}}, nil
}

// tunesGo says whether a variable changes the settings of Go's runtime, which are to be the program's own.
func tunesGo(variable string) bool {
	return strings.HasPrefix(variable, "GOGC=") || strings.HasPrefix(variable, "GOMEMLIMIT=") || strings.HasPrefix(variable, "GODEBUG=")
}

// await returns when somebody listens on an address.
func await(address string, exited <-chan error) error {
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case err := <-exited:
			return fmt.Errorf("it ended before it listened: %w", errors.Join(errors.New("no server"), err))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
