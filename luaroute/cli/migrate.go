package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute/migrate"
)

// migrateCommand is `caddy luaroute migrate`.
func migrateCommand() *cobra.Command {
	var out, site string
	cmd := &cobra.Command{
		Use:   "migrate [--out <path>] [--site <address>] <old-config.yaml>",
		Short: "Turns a configuration of the old programs into a Caddyfile",
		Long: `Turns a configuration of the old programs into a Caddyfile, on standard output or in the file that --out names. What it drops, and
why, goes to standard error with the line of the YAML. The scripts stay as they are.`,
		Args: oneArg("the name of one YAML file"),
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "File to write the Caddyfile to; it must not exist. Default: standard output")
	cmd.Flags().StringVar(&site, "site", "", "Address of the site in the Caddyfile. Default: http://, which is port 80 for all hosts")
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) {
		return converted(cmd.Flags().Arg(0), out, cmd.OutOrStdout(), cmd.ErrOrStderr(), func(in io.Reader) (string, []string, error) {
			return migrate.Caddyfile(in, migrate.Options{Site: site})
		})
	})
	return cmd
}
