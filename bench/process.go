package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
)

// role is what a process of this program does for another one. It ends with its input, so it never outlives the other.
type role func(in io.Reader, out io.Writer) error

var roles = map[string]role{"-origin": origin, "-load": load, "-caddy": caddyRole, "-service": service, "-streams": streamOrigin, "-endless": endless, "-spin": spin}

// roleOf returns the role that the arguments of a program name, or nil.
func roleOf(args []string) role {
	if len(args) != 2 {
		return nil
	}
	return roles[args[1]]
}

// process is a running role, which answers each line of JSON with another one.
type process struct {
	role string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// startRole runs this program in another role. What it logs goes to a writer.
func startRole(name string, logs io.Writer) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{role: name, cmd: exec.Command(self, name)}
	p.cmd.Stderr = logs
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

// ask sends a question, unless it is nil, and reads the answer.
func (p *process) ask(question, answer any) error {
	if question != nil {
		if err := json.NewEncoder(p.in).Encode(question); err != nil {
			return fmt.Errorf("%s: %w", p.role, err)
		}
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s gave no answer: %w", p.role, err)
	}
	var failed struct{ Error string }
	if err := json.Unmarshal(line, &failed); err != nil {
		return fmt.Errorf("%s: %w", p.role, err)
	}
	if failed.Error != "" {
		return errors.New(failed.Error)
	}
	return json.Unmarshal(line, answer)
}

// close ends the process.
func (p *process) close() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }

// answers carries out the questions in an input until it ends. What it answers has a field Error where it failed.
func answers[Q, A any](in io.Reader, out io.Writer, do func(Q) (A, error)) error {
	questions, lines := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q Q
		switch err := questions.Decode(&q); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading a question: %w", err)
		}
		var line any
		a, err := do(q)
		if line = a; err != nil {
			line = struct{ Error string }{err.Error()}
		}
		if err := lines.Encode(line); err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
	}
}

// listening is what a role says of itself when it is ready.
type listening struct{ Address string }

// announce listens until the input ends, and writes the address.
func announce(in io.Reader, out io.Writer) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = l.Close()
	}()
	return l, json.NewEncoder(out).Encode(listening{l.Addr().String()})
}
