// Package cli adds the command luaroute to Caddy's, such as `caddy luaroute check`. Each subcommand has a file of its own, and
// a line in the list of them here.
package cli

import (
	"encoding/json"
	"fmt"
	"io"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// Exit codes of all subcommands.
const (
	exitGood     = 0
	exitFindings = 1 // or failures
	exitWrongUse = 2
)

// subcommands make the subcommands, in the order of the help.
var subcommands = []func() *cobra.Command{
	checkCommand,
	routesCommand,
	explainCommand,
	testCommand,
	replCommand,
	stubsCommand,
	newCommand,
	importCommand,
	migrateCommand,
	healthCommand,
	dashboardCommand,
	versionCommand,
}

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "luaroute",
		Usage:     "<command>",
		Short:     "Inspects the scripts that route requests",
		Long:      "Inspects the scripts that route requests. All commands exit with 0 on success, 1 for findings and failures, and 2 for wrong usage.",
		CobraFunc: build,
	})
}

// build adds the subcommands.
func build(root *cobra.Command) {
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return wrongUse(cmd, fmt.Errorf("there is no command %q", args[0]))
		}
		return cmd.Help()
	}
	root.SetFlagErrorFunc(wrongUse)
	for _, subcommand := range subcommands {
		root.AddCommand(subcommand())
	}
}

// wrongUse reports wrong arguments of a command.
func wrongUse(cmd *cobra.Command, err error) error {
	cmd.SilenceUsage = true
	err = fmt.Errorf("%w; see caddy help luaroute", err)
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitWrongUse, err })(cmd, nil)
}

// noArgs refuses arguments that are not flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return wrongUse(cmd, fmt.Errorf("%s takes no arguments, found %q", cmd.Name(), args[0]))
	}
	return nil
}

// oneArg requires exactly one argument that is not a flag.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return wrongUse(cmd, fmt.Errorf("%s takes %s, found %d arguments", cmd.Name(), what, len(args)))
		}
		return nil
	}
}

// run makes the RunE of a subcommand. Its function returns an exit code, and the error that goes with one that is not 0.
func run(f func(cmd *cobra.Command) (int, error)) func(*cobra.Command, []string) error {
	return runArgs(func(cmd *cobra.Command, _ []string) (int, error) { return f(cmd) })
}

// runArgs is run for a subcommand with arguments.
func runArgs(f func(cmd *cobra.Command, args []string) (int, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SilenceUsage = true
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return f(cmd, args) })(cmd, args)
	}
}

// writeJSON prints a value.
func writeJSON(out io.Writer, value any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}
