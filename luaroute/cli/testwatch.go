package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// watchEvery is how often files are looked at for changes.
const watchEvery = 250 * time.Millisecond

// runAgain runs the tests whenever something changes that they or the scripts were read from, until the command is interrupted. The result is
// that of the last run.
func (r *testRun) runAgain(ctx context.Context, app *luaroute.App, name string, args []string, out io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	for {
		trace := new(source.Trace)
		err := r.once(ctx, app, name, args, trace, out)
		if err != nil {
			fmt.Fprintln(out, err)
		}
		fmt.Fprintln(out, "\nwaiting for changes; end with ctrl-C")
		if !instance.Changed(ctx, watchEvery, func() *source.Trace { return trace }) {
			return err
		}
		fmt.Fprintln(out)
	}
}

// noteTestFiles is testFiles whose result is written into the trace of the context, so that new files are noticed.
func noteTestFiles(ctx context.Context, args []string) ([]string, error) {
	files, err := testFiles(args)
	source.Note(ctx, "tests", testStamp(files), func(context.Context) source.Stamp {
		files, _ := testFiles(args)
		return testStamp(files)
	})
	return files, err
}

func testStamp(files []string) source.Stamp { return source.Stamp(strings.Join(files, "\x00")) }
