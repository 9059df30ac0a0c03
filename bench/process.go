package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// role is what a process of this program does for another one. It ends with its input, so it never outlives the other.
type role func(in io.Reader, out io.Writer) error

var roles = map[string]role{"-origin": origin, "-load": load}

// roleOf returns the role that the arguments of a program name, or nil.
func roleOf(args []string) role {
	if len(args) != 2 {
		return nil
	}
	return roles[args[1]]
}

// process is a running role.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs this program in another role.
func start(name string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, name)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// line reads one line.
func (p *process) line() (string, error) {
	s, err := p.out.ReadString('\n')
	return strings.TrimSpace(s), err
}

// order has the load generator carry out an order.
func (p *process) order(o order) (t tally, err error) {
	if err := json.NewEncoder(p.in).Encode(o); err != nil {
		return t, err
	}
	line, err := p.line()
	if err != nil {
		return t, fmt.Errorf("the load generator: %w", err)
	}
	if err := json.Unmarshal([]byte(line), &t); err != nil {
		return t, err
	}
	if t.Error != "" {
		return t, errors.New(t.Error)
	}
	return t, nil
}

// close ends the process.
func (p *process) close() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }
