package cli

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// flags are what all subcommands take.
type flags struct {
	config, adapter string // where the configuration is
	address         string // or the admin API that has it
	name            string // of the instance, empty for all
	format          string
	formats         []string // that the command has; text and JSON if none are listed
}

// Formats of what is printed.
const (
	formatText = "text"
	formatJSON = "json"
)

// add adds the flags to a command.
func (f *flags) add(cmd *cobra.Command) {
	if f.formats == nil {
		f.formats = []string{formatText, formatJSON}
	}
	set := cmd.Flags()
	set.StringVarP(&f.config, "config", "c", "", "Configuration file. Default: the Caddyfile in the current folder")
	set.StringVarP(&f.adapter, "adapter", "a", "", "Name of the config adapter to apply")
	set.StringVar(&f.address, "address", "", "Address of the admin API of a running Caddy, instead of a configuration file")
	set.StringVar(&f.name, "name", "", "Name of one instance. Default: all")
	set.StringVar(&f.format, "format", formatText, f.allFormats())
}

// allFormats lists the formats.
func (f *flags) allFormats() string {
	last := len(f.formats) - 1
	return strings.Join(f.formats[:last], ", ") + " or " + f.formats[last]
}

// check returns what is wrong with the use of the flags.
func (f *flags) check() error {
	switch {
	case !slices.Contains(f.formats, f.format):
		return fmt.Errorf("--format %q: expected %s", f.format, f.allFormats())
	case f.address != "" && f.config+f.adapter != "":
		return errors.New("--address takes the configuration of a running Caddy; expected no --config and no --adapter")
	case f.adapter != "" && f.config == "":
		return errors.New("--adapter is for the file that --config names, which is missing")
	}
	return nil
}

// json returns the configuration.
func (f *flags) json() ([]byte, error) {
	if f.address != "" {
		return f.running()
	}
	config, file, _, err := caddycmd.LoadConfig(f.config, f.adapter)
	if err == nil && file == "" {
		err = errors.New("there is no Caddyfile in the current folder; name a configuration with --config")
	}
	return config, err
}

// running returns the configuration of a running Caddy.
func (f *flags) running() ([]byte, error) {
	return f.ask(http.MethodGet, "/config/", "")
}

// provision loads a configuration as `caddy validate` does: whole, but nothing in it starts. It is released when the process ends, as Caddy
// has no other way.
func provision(config []byte) ([]instance.Inspection, error) {
	app, err := provisionApp(config)
	if err != nil {
		return nil, err
	}
	return app.Inspect(), nil
}

func provisionApp(config []byte) (*luaroute.App, error) {
	var c *caddy.Config
	if err := caddy.StrictUnmarshalJSON(caddy.RemoveMetaFields(config), &c); err != nil {
		return nil, fmt.Errorf("decoding the configuration: %w", err)
	}
	ctx, err := caddy.ProvisionContext(c)
	if err != nil {
		return nil, err
	}
	app, err := ctx.AppIfConfigured("luaroute")
	if err != nil {
		return nil, errors.New("the configuration has no luaroute handler")
	}
	return app.(*luaroute.App), nil
}

// only returns the instance that the flags name, or all.
func (f *flags) only(all []instance.Inspection) ([]instance.Inspection, error) {
	if f.name == "" {
		return all, nil
	}
	var names []string
	for _, in := range all {
		if in.Name == f.name {
			return []instance.Inspection{in}, nil
		}
		names = append(names, in.Name)
	}
	return nil, f.unknownName(names)
}

func (f *flags) unknownName(names []string) error {
	slices.Sort(names)
	return wrongUseError{fmt.Errorf("--name %q: expected %s", f.name, strings.Join(names, ", "))}
}

// instances loads the configuration, and returns the instances that the flags name.
func (f *flags) instances() ([]instance.Inspection, error) {
	config, err := f.json()
	if err != nil {
		return nil, err
	}
	all, err := provision(config)
	if err != nil {
		return nil, errors.New(located(err).String())
	}
	return f.only(all)
}

// app loads the configuration, and returns the app and the name of the one instance that the flags name.
func (f *flags) app() (app *luaroute.App, name string, err error) {
	config, err := f.json()
	if err != nil {
		return nil, "", err
	}
	if app, err = provisionApp(config); err != nil {
		return nil, "", errors.New(located(err).String())
	}
	instances, err := f.only(app.Inspect())
	if err != nil {
		return nil, "", err
	}
	in, err := one(instances, func(in instance.Inspection) string { return in.Name })
	return app, in.Name, err
}
