package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/chzyer/readline"
	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
)

// replCommand is `caddy luaroute repl`.
func replCommand() *cobra.Command {
	f := new(flags)
	cmd := &cobra.Command{
		Use:   "repl [--config <path> [--adapter <name>]] [--name <instance>] [--tenant <tenant>]",
		Short: "Runs Lua that is typed or piped, with what scripts load",
		Long: `Reads Lua from standard input and runs it in a virtual machine that has the modules, libraries and globals of the scripts of a
configuration, which is loaded but not started. Values of expressions are printed. route.simulate{ path = "/" } says what becomes of a
request. Nothing is sent or stored: the command says what would have been.`,
		Args: noArgs,
	}
	set := cmd.Flags()
	set.StringVarP(&f.config, "config", "c", "", "Configuration file. Default: the Caddyfile in the current folder")
	set.StringVarP(&f.adapter, "adapter", "a", "", "Name of the config adapter to apply")
	set.StringVar(&f.name, "name", "", "Name of the instance whose scripts are loaded. Default: the only one")
	tenant := set.String("tenant", "", "Name of the tenant whose scripts are loaded. Default: the default tenant")
	f.format = formatText
	f.formats = []string{formatText}
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) {
		err := repl(cmd.Context(), f, *tenant, cmd.InOrStdin(), cmd.OutOrStdout())
		return exitCode(err), err
	})
	return cmd
}

func repl(ctx context.Context, f *flags, tenant string, in io.Reader, out io.Writer) error {
	if err := f.check(); err != nil {
		return wrongUseError{err}
	}
	app, name, err := f.app()
	if err != nil {
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	c := &conversation{session: simulate.NewSession(out), out: out}
	err = app.Converse(ctx, name, tenant, c.session, func() error {
		lines, err := newLines(in, out)
		if err != nil {
			return err
		}
		defer lines.Close()
		return c.converse(ctx, lines)
	})
	if err != nil {
		return errors.New(located(err).String())
	}
	return nil
}

// conversation is a session on the command line.
type conversation struct {
	session     *simulate.Session
	out         io.Writer
	all, failed int // chunks
}

var errInterrupted = errors.New("interrupted")

// converse runs what is typed or piped, chunk by chunk.
func (c *conversation) converse(ctx context.Context, lines lines) error {
	chunk, first := "", 1
	var unfinished *simulate.Failure // of what the chunk is so far
	for number := 1; ; number++ {
		line, err := lines.Next(unfinished != nil)
		switch {
		case errors.Is(err, errInterrupted): // at the prompt: the chunk is given up
			unfinished, number = nil, number-1
			continue
		case errors.Is(err, io.EOF):
			if unfinished != nil {
				c.report(unfinished)
			}
			if c.failed > 0 && !lines.Terminal() {
				return fmt.Errorf("chunks failed: %d of %d", c.failed, c.all)
			}
			return nil
		case err != nil:
			return err
		}
		switch {
		case unfinished != nil:
			chunk += "\n" + line
		case strings.TrimSpace(line) == "":
			continue
		default:
			chunk, first = line, number
		}
		more, failure := c.run(ctx, first, chunk, lines.Terminal())
		if unfinished = nil; more {
			unfinished = failure
			continue
		}
		c.report(failure)
	}
}

// run runs a chunk. What is typed is ended by ctrl-C.
func (c *conversation) run(ctx context.Context, first int, chunk string, terminal bool) (more bool, failure *simulate.Failure) {
	if terminal {
		var end context.CancelCauseFunc
		ctx, end = context.WithCancelCause(ctx)
		defer end(nil)
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		defer signal.Stop(interrupted)
		go func() {
			select {
			case <-interrupted:
				end(errInterrupted)
			case <-ctx.Done():
			}
		}()
	}
	return c.session.Run(ctx, first, chunk)
}

// report counts a chunk, and says why it failed.
func (c *conversation) report(failure *simulate.Failure) {
	if c.all++; failure == nil {
		return
	}
	c.failed++
	_, _ = fmt.Fprintln(c.out, failure.Text())
	var calls []string
	for call := range strings.Lines(failure.Trace) {
		if strings.HasPrefix(call, "\t") && !strings.HasPrefix(call, "\t[G]") && !strings.HasPrefix(call, "\t(tailcall)") { // it is of Lua
			calls = append(calls, strings.TrimRight(call, "\n"))
		}
	}
	if len(calls) > 1 { // else it says no more than the place
		_, _ = fmt.Fprintf(c.out, "stack traceback:\n%s\n", strings.Join(calls, "\n"))
	}
}

// lines are those of standard input.
type lines interface {
	// Next returns the next line, io.EOF, or errInterrupted for ctrl-C.
	Next(more bool) (string, error)
	// Terminal reports whether somebody types them.
	Terminal() bool
	Close() error
}

func newLines(in io.Reader, out io.Writer) (lines, error) {
	if isTerminal(in) && isTerminal(out) { // standard error, which has Caddy's log, may go elsewhere
		typed, err := readline.NewEx(&readline.Config{Stdout: out, FuncIsTerminal: func() bool { return true }})
		return typedLines{typed}, err
	}
	return pipedLines{bufio.NewReader(in)}, nil
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && readline.IsTerminal(int(file.Fd()))
}

// pipedLines are those of a file or another program.
type pipedLines struct{ in *bufio.Reader }

// Next returns the next line.
func (p pipedLines) Next(bool) (string, error) {
	line, err := p.in.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// Terminal reports that nobody types.
func (pipedLines) Terminal() bool { return false }

// Close has nothing to close.
func (pipedLines) Close() error { return nil }

// typedLines are edited, with those before at hand.
type typedLines struct{ *readline.Instance }

// Next returns the next line.
func (t typedLines) Next(more bool) (string, error) {
	t.SetPrompt("> ")
	if more {
		t.SetPrompt(">> ")
	}
	line, err := t.Readline()
	if errors.Is(err, readline.ErrInterrupt) {
		err = errInterrupted
	}
	return line, err
}

// Terminal reports that somebody types.
func (typedLines) Terminal() bool { return true }
