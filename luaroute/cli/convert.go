package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute/convert"
)

// importCommand is `caddy luaroute import`.
func importCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "import [--out <path>] kong|traefik|openapi <file>",
		Short: "Turns the configuration of another gateway, or a description of an API, into a script",
		Long: `Turns a file into a script, on standard output or in the file that --out names:

  kong      the declarative configuration of Kong (kong.yml)
  traefik   the dynamic configuration of Traefik in a file
  openapi   a description by OpenAPI 3.0 or 3.1, in YAML or JSON: a route for each operation

What has no counterpart goes to standard error, with its line. A route whose protection has none answers 501.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return wrongUse(cmd, fmt.Errorf("import takes kong, traefik or openapi, and a file, found %d arguments", len(args)))
			}
			if convert.Formats[args[0]] == nil {
				return wrongUse(cmd, fmt.Errorf("import reads kong, traefik or openapi, not %q", args[0]))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "File to write the script to; it must not exist. Default: standard output")
	cmd.RunE = runArgs(func(cmd *cobra.Command, args []string) (int, error) {
		return converted(args[1], out, cmd.OutOrStdout(), cmd.ErrOrStderr(), convert.Formats[args[0]])
	})
	return cmd
}

// converted writes what a file becomes, and the notes on it.
func converted(file, out string, stdout, stderr io.Writer, convert func(io.Reader) (string, []string, error)) (int, error) {
	in, err := os.Open(file)
	if err != nil {
		return exitFindings, err
	}
	defer in.Close()
	text, notes, err := convert(in)
	if err != nil {
		return exitFindings, fmt.Errorf("%s: %w", file, err)
	}
	for _, note := range notes {
		fmt.Fprintf(stderr, "%s: %s\n", file, note)
	}
	if out == "" {
		_, err := io.WriteString(stdout, text)
		return exitGood, err
	}
	to, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return exitFindings, err
	}
	if _, err := io.WriteString(to, text); err != nil {
		_ = to.Close()
		return exitFindings, err
	}
	return exitGood, to.Close()
}
