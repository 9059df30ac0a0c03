package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute"
	"github.com/luaroute/caddy-luaroute/luaroute/coverage"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// testCommand is `caddy luaroute test`.
func testCommand() *cobra.Command {
	r := new(testRun)
	cmd := &cobra.Command{
		Use: "test [--config <path> [--adapter <name>]] [--name <instance>] [--filter <pattern>] [--tags <tag>,...] [--exclude-tags <tag>,...] " +
			"[--coverage[=<file>]] [--watch] [--format text|json|tap|junit] <file or folder>...",
		Short: "Runs the tests of scripts",
		Long: `Runs files of tests in the sandbox that scripts run in, each in a virtual machine of its own; of folders all *_test.lua in and below
them. With --config, route.simulate in them asks the routes of that configuration, which is loaded but not started; without, those that
the file declares itself. Nothing is forwarded: stubs answer for the pools.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUse(cmd, errors.New("test takes files or folders of tests, found none"))
			}
			return nil
		},
	}
	set := cmd.Flags()
	set.StringVarP(&r.config, "config", "c", "", "Configuration file whose routes are tested")
	set.StringVarP(&r.adapter, "adapter", "a", "", "Name of the config adapter to apply")
	set.StringVar(&r.name, "name", "", "Name of the instance whose routes are tested. Default: the only one")
	set.StringVar(&r.format, "format", formatText, strings.Join(testFormats(), ", "))
	set.StringVarP(&r.format, "output", "o", formatText, "The same as --format")
	set.StringVar(&r.bench.Selection.Filter, "filter", "", "Lua pattern that the whole name of a test must match")
	set.StringSliceVar(&r.bench.Selection.Tags, "tags", nil, "Tags of which a test must have one, such as slow for #slow in its name")
	set.StringSliceVar(&r.bench.Selection.Without, "exclude-tags", nil, "Tags of which a test must have none")
	set.StringVar(&r.coverage, "coverage", "", "Show which lines of scripts have run; with =<file> also write them there, in the format of lcov")
	set.Lookup("coverage").NoOptDefVal = noFile
	set.BoolVar(&r.watch, "watch", false, "Run the tests again when they or scripts change, until the command is interrupted")
	cmd.RunE = runArgs(func(cmd *cobra.Command, args []string) (int, error) {
		err := r.run(cmd.Context(), args, cmd.OutOrStdout())
		return exitCode(err), err
	})
	return cmd
}

// testRun is what the command is called with.
type testRun struct {
	flags
	bench    simulate.Bench
	coverage string // empty for none, noFile for a table only, or a file
	watch    bool
}

func testFormats() []string {
	var all []string
	for _, f := range reporters {
		all = append(all, f.name)
	}
	return all
}

func (r *testRun) check() error {
	switch {
	case !slices.Contains(testFormats(), r.format):
		return fmt.Errorf("--format %q: expected %s", r.format, strings.Join(testFormats(), ", "))
	case r.config == "" && r.adapter != "":
		return errors.New("--adapter is for the file that --config names, which is missing")
	case r.config == "" && r.name != "":
		return errors.New("--name is an instance of the file that --config names, which is missing")
	case r.coverage == noFile && r.format != formatText:
		return fmt.Errorf("--coverage shows a table, which has no place in --format %s; expected --coverage=<file>", r.format)
	}
	if err := r.bench.Selection.Check(); err != nil {
		return fmt.Errorf("--filter: %w", err)
	}
	return nil
}

func (r *testRun) run(ctx context.Context, args []string, out io.Writer) error {
	if err := r.check(); err != nil {
		return wrongUseError{err}
	}
	if _, err := testFiles(args); err != nil {
		return wrongUseError{err}
	}
	app, name, err := r.app()
	if err != nil {
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	if r.watch {
		return r.runAgain(ctx, app, name, args, out)
	}
	return r.once(ctx, app, name, args, new(source.Trace), out)
}

// once runs the tests, and prints what came of them.
func (r *testRun) once(ctx context.Context, app *luaroute.App, name string, args []string, trace *source.Trace, out io.Writer) error {
	files, err := noteTestFiles(source.WithTrace(ctx, trace), args)
	if err != nil {
		return wrongUseError{err}
	}
	bench, counter := r.bench, new(coverage.Counter)
	if r.coverage != "" {
		bench.Step = counter.Step
	}
	tests, err := app.Tests(ctx, name, &bench, trace)
	if err != nil {
		return errors.New(located(err).String())
	}
	defer tests.Close()
	var results []simulate.File
	for _, file := range files {
		if result := tests.Run(ctx, file); result.Failure != nil || len(result.Tests) > 0 {
			results = append(results, result)
		}
	}
	if len(results) == 0 {
		return wrongUseError{errors.New("no test is one that --filter, --tags and --exclude-tags select")}
	}
	i := slices.IndexFunc(reporters, func(f reporter) bool { return f.name == r.format })
	if err := reporters[i].write(out, results); err != nil {
		return err
	}
	if r.coverage != "" {
		if err := r.report(out, counter.Scripts(), files); err != nil {
			return err
		}
	}
	if count := simulate.CountOf(results...); count.Failed > 0 {
		return fmt.Errorf("tests failed: %d of %d", count.Failed, count.All)
	}
	return nil
}

// noConfig is what tests run with that have no configuration.
const noConfig = `{"apps": {"events": {}, "luaroute": {}}}`

// app returns the app that runs the tests, and the name of the instance that they ask, if there is a configuration.
func (r *testRun) app() (app *luaroute.App, name string, err error) {
	if r.config != "" {
		return r.flags.app()
	}
	if app, err = provisionApp([]byte(noConfig)); err != nil {
		return nil, "", errors.New(located(err).String())
	}
	return app, "", nil
}

// testSuffix is how files of tests end that are found in folders.
const testSuffix = "_test.lua"

// testFiles returns the files that are named, and those in the folders that are named, each once.
func testFiles(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		found := []string{arg}
		if info.IsDir() {
			if found, err = testsBelow(arg); err != nil {
				return nil, err
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("%s: it has no *%s, nor has a folder below it", arg, testSuffix)
			}
		}
		for _, file := range found {
			if file = filepath.Clean(file); !slices.Contains(all, file) {
				all = append(all, file)
			}
		}
	}
	return all, nil
}

func isTest(file string) bool { return strings.HasSuffix(file, testSuffix) }

func testsBelow(folder string) ([]string, error) {
	var all []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && isTest(path) {
			all = append(all, path)
		}
		return err
	})
	return all, err
}
