package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

// healthCommand is `caddy luaroute health`.
func healthCommand() *cobra.Command {
	f := new(flags)
	var strict bool
	cmd := &cobra.Command{
		Use:   "health [--address <address>] [--strict]",
		Short: "Reports whether a running Caddy serves by its scripts",
		Long: `Asks the admin API of a running Caddy for its instances, and reports whether there is one, for health checks of containers. An instance whose
last reload has failed keeps serving by the scripts before; with --strict that counts as a failure.`,
		Args: noArgs,
	}
	cmd.Flags().StringVar(&f.address, "address", "localhost:2019", "the address of the admin API")
	cmd.Flags().BoolVar(&strict, "strict", false, "fail if the last reload of an instance has failed, or a tenant is left out")
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) {
		err := health(f, strict, cmd.OutOrStdout())
		return exitCode(err), err
	})
	return cmd
}

// instanceHealth is what the admin API says of an instance.
type instanceHealth struct {
	Name      string `json:"name"`
	Version   int    `json:"version"`
	LastError *struct {
		Error string `json:"error"`
	} `json:"last_error"`
	LeftOut []struct {
		Tenant string `json:"tenant"`
	} `json:"left_out"`
}

func health(f *flags, strict bool, out io.Writer) error {
	answer, err := f.ask(http.MethodGet, "/luaroute/", "")
	if err != nil {
		return err
	}
	var all []instanceHealth
	if err := json.Unmarshal(answer, &all); err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("there is no luaroute handler")
	}
	for _, in := range all {
		fmt.Fprintf(out, "%s serves by version %d\n", in.Name, in.Version)
	}
	for _, in := range all {
		if strict && in.LastError != nil {
			return fmt.Errorf("the last reload of %s has failed: %s", in.Name, in.LastError.Error)
		}
		if strict && len(in.LeftOut) > 0 {
			return fmt.Errorf("%d tenants of %s are left out", len(in.LeftOut), in.Name)
		}
	}
	return nil
}
