package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/luaroute/admin"
)

// routesCommand is `caddy luaroute routes`.
func routesCommand() *cobra.Command {
	f := new(flags)
	cmd := &cobra.Command{
		Use:   "routes [--config <path> [--adapter <name>] | --address <address>] [--name <instance>] [--format text|json]",
		Short: "Lists the routes of a configuration, or of a running Caddy",
		Long: `Lists the routes with their tenant, hosts, methods, guards, middleware and action, and the line of the script that declares each.
They are those of a configuration file, which is loaded but not started, or with --address those that a running Caddy serves by.`,
		Args: noArgs,
	}
	f.add(cmd)
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) {
		err := listRoutes(f, cmd.OutOrStdout())
		return exitCode(err), err
	})
	return cmd
}

// instanceRoutes are the routes of one instance.
type instanceRoutes struct {
	Instance string            `json:"instance"`
	Routes   []inventory.Route `json:"routes"`
}

func listRoutes(f *flags, out io.Writer) error {
	if err := f.check(); err != nil {
		return wrongUseError{err}
	}
	all, err := f.routes()
	if err != nil {
		return err
	}
	if f.format == formatJSON {
		return writeJSON(out, all)
	}
	for i, in := range all {
		if len(all) > 1 {
			if i > 0 {
				fmt.Fprintln(out)
			}
			fmt.Fprintf(out, "instance %s\n", in.Instance)
		}
		if err := admin.WriteRoutes(out, in.Routes); err != nil {
			return err
		}
	}
	return nil
}

// routes returns those of all instances that the flags name.
func (f *flags) routes() ([]instanceRoutes, error) {
	var all []instanceRoutes
	if f.address == "" {
		instances, err := f.instances()
		for _, in := range instances {
			all = append(all, instanceRoutes{in.Name, inventory.Routes(in.Table)})
		}
		return all, err
	}
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		answer, err := f.ask(http.MethodGet, "/luaroute/"+url.PathEscape(name)+"/routes", "")
		if err != nil {
			return nil, err
		}
		in := instanceRoutes{Instance: name}
		if err := json.Unmarshal(answer, &in.Routes); err != nil {
			return nil, err
		}
		all = append(all, in)
	}
	return all, nil
}
