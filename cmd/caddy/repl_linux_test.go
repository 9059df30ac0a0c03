package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal at which somebody types.
type terminal struct {
	t      *testing.T
	master *os.File
	mu     sync.Mutex
	shown  bytes.Buffer
	more   chan struct{}
}

// newTerminal returns a terminal, and the file that a program has for its input and output.
func newTerminal(t *testing.T) (*terminal, *os.File) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	must(err)
	must(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(err)
	must(unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 200}))
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	term := &terminal{t: t, master: os.NewFile(uintptr(fd), "ptmx"), more: make(chan struct{}, 1)}
	go term.read()
	return term, slave
}

func (term *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := term.master.Read(buf)
		term.mu.Lock()
		term.shown.Write(buf[:n])
		term.mu.Unlock()
		select {
		case term.more <- struct{}{}:
		default:
		}
		if err != nil { // the program has ended
			return
		}
	}
}

// moves are what a line editor moves the cursor by.
var moves = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\x08`)

// The prompts, with nothing behind them.
const prompt, morePrompt = "\r>", "\r>>"

// types waits until something is shown after what was waited for before, and types keys.
func (term *terminal) types(after, keys string) {
	term.t.Helper()
	deadline := time.After(time.Minute)
	for {
		term.mu.Lock()
		text := moves.ReplaceAllString(term.shown.String(), "")
		_, rest, found := strings.Cut(text, after)
		if strings.HasPrefix(after, prompt) {
			rest, found = "", strings.HasSuffix(strings.TrimRight(text, " "), after)
		}
		if found {
			term.shown.Reset()
			term.shown.WriteString(rest)
		}
		term.mu.Unlock()
		if found {
			if _, err := term.master.WriteString(keys); err != nil {
				term.t.Fatal(err)
			}
			return
		}
		select {
		case <-term.more:
		case <-deadline:
			term.t.Fatalf("waiting for %q the terminal shows %q", after, text)
		}
	}
}

func TestTheReplIsTypedAtATerminal(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile": "http://:8080 {\n\tluaroute {\n\t\tscript main.lua\n\t}\n}\n",
		"main.lua":  `local time = require("time") require("luaroute"):get("/", { body = "a" })`,
	})
	term, slave := newTerminal(t)
	cmd := caddyIn(t, dir, "luaroute", "repl")
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout = slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	const up, interrupt, end = "\x1b[A", "\x03", "\x04"
	for _, step := range []struct{ after, keys string }{
		{prompt, "='one' .. 1\r"},
		{"\"one1\"\r\n", ""},
		// A chunk of several lines has another prompt.
		{prompt, "for i = 1, 2 do\r"},
		{morePrompt, "print('n' .. i + 40)\r"},
		{morePrompt, "end\r"},
		{"n41\r\nn42\r\n", ""},
		// Globals stay, and what was typed comes back.
		{prompt, "x = 21\r"},
		{prompt, "x = x * 2\r"},
		{prompt, up + "\r"},
		{prompt, "=x\r"},
		{"84\r\n", ""},
		// Ctrl-C gives up what is not finished,
		{prompt, "function broken(\r"},
		{morePrompt, interrupt},
		{prompt, "='not ' .. 'broken'\r"},
		{"\"not broken\"\r\n", ""},
		// and ends what runs.
		{prompt, "print('ru' .. 'ns') require('time').sleep(20)\r"},
		{"runs\r\n", interrupt},
		{"interrupted\r\n", ""},
		{prompt, "=x + 1\r"},
		{"85\r\n", ""},
		{prompt, end},
	} {
		term.types(step.after, step.keys)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after ctrl-D: %v", err)
	}
	_ = term.master.Close()
}
