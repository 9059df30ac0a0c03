package cli

import (
	"fmt"
	"io"
	"os"

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
		return migrated(cmd.Flags().Arg(0), out, site, cmd.OutOrStdout(), cmd.ErrOrStderr())
	})
	return cmd
}

func migrated(file, out, site string, stdout, stderr io.Writer) (int, error) {
	in, err := os.Open(file)
	if err != nil {
		return exitFindings, err
	}
	defer in.Close()
	caddyfile, notes, err := migrate.Caddyfile(in, migrate.Options{Site: site})
	if err != nil {
		return exitFindings, fmt.Errorf("%s: %w", file, err)
	}
	for _, note := range notes {
		fmt.Fprintf(stderr, "%s: %s\n", file, note)
	}
	if out == "" {
		_, err := io.WriteString(stdout, caddyfile)
		return exitGood, err
	}
	to, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return exitFindings, err
	}
	if _, err := io.WriteString(to, caddyfile); err != nil {
		_ = to.Close()
		return exitFindings, err
	}
	return exitGood, to.Close()
}
