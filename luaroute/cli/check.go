package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// checkCommand is `caddy luaroute check`.
func checkCommand() *cobra.Command {
	f := new(flags)
	cmd := &cobra.Command{
		Use:   "check [--config <path> [--adapter <name>] | --address <address>] [--name <instance>] [--format text|json]",
		Short: "Loads the scripts of a configuration and reports errors and likely mistakes",
		Long: `Loads the configuration as caddy validate does, without starting it, so that every error of a script is found. Then looks at
the text of the scripts for what loads and still is a mistake, most likely: globals, tables that requests write to although each
virtual machine has its own, and pools that nothing names. Notes say which pools hide another one of their name, and what a tenant with a
script of its own would have to be allowed, as a block to copy.`,
		Args: noArgs,
	}
	f.add(cmd)
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) { return check(f, cmd.OutOrStdout()) })
	return cmd
}

// note is the severity of information that is not a finding.
const note = "note"

// finding is one line of the report.
type finding struct {
	Severity string `json:"severity"` // error, warning or note
	Instance string `json:"instance,omitempty"`
	Script   string `json:"script,omitempty"` // or the JSON path
	Line     int    `json:"line,omitempty"`
	Message  string `json:"message"`
}

// String writes script:line: severity: message.
func (f finding) String() string {
	place := ""
	if f.Script != "" {
		place = f.Script + ": "
	}
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d: ", f.Script, f.Line)
	}
	return place + f.Severity + ": " + f.Message
}

// check prints what it finds.
func check(f *flags, out io.Writer) (int, error) {
	if err := f.check(); err != nil {
		return exitWrongUse, err
	}
	config, err := f.json()
	if err != nil {
		return exitFindings, err
	}
	instances, err := provision(config)
	found := []finding{}
	if err != nil {
		found = append(found, failure(err))
	} else if instances, err = f.only(instances); err != nil {
		return exitWrongUse, err
	}
	for _, in := range instances {
		for _, err := range in.LeftOut {
			left := failure(err)
			left.Instance = in.Name
			found = append(found, left)
		}
	}
	if len(found) > 0 {
		for _, need := range instance.Survey(func() { _, _ = provision(config) }) {
			message := fmt.Sprintf("the scripts of tenant %q use more than is allowed; they need\n%s", need.Tenant, need.Allow)
			found = append(found, finding{Severity: note, Instance: need.Instance, Message: message})
		}
	}
	for _, in := range instances {
		warnings, err := warningsOf(in)
		if err != nil {
			return exitFindings, err
		}
		found = append(found, warnings...)
		found = append(found, hiddenPools(in)...)
	}
	if err := report(out, f.format, found); err != nil {
		return exitFindings, err
	}
	found = slices.DeleteFunc(found, func(f finding) bool { return f.Severity == note })
	if len(found) > 0 {
		return exitFindings, fmt.Errorf("findings: %d", len(found))
	}
	return exitGood, nil
}

// report prints findings.
func report(out io.Writer, format string, found []finding) error {
	if format == formatJSON {
		return writeJSON(out, found)
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(out, "no findings")
		return err
	}
	for _, f := range found {
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	return nil
}

// handlerError is the prefix that Caddy adds to an error of our handler, once for each module around it.
const handlerError = "provision http.handlers.luaroute: "

// place is the place of an error.
var place = regexp.MustCompile(`^([^\s:]+):(\d+): `)

// failure makes a finding of the error of a load.
func failure(err error) finding {
	text := err.Error()
	if i := strings.LastIndex(text, handlerError); i >= 0 {
		text = text[i+len(handlerError):]
	}
	f := finding{Severity: "error", Message: text}
	if m := place.FindStringSubmatch(text); m != nil {
		f.Script, f.Message = m[1], text[len(m[0]):]
		f.Line, _ = strconv.Atoi(m[2])
	}
	return f
}

// warningsOf looks at the scripts of an instance, and at the modules that they require.
func warningsOf(in instance.Inspection) ([]finding, error) {
	scripts := new(lint.Scripts)
	scripts.Names(in.NamedPools...)
	for _, pool := range in.Pools {
		scripts.Pool(pool.Name, pool.Origin.Script)
	}
	seen := map[string]bool{}
	var notes []finding
	for _, set := range in.Sources {
		all, err := set.Scripts(context.Background())
		if err != nil {
			return nil, err
		}
		for len(all) > 0 {
			next := all[0]
			all = all[1:]
			if seen[next.Name+"\x00"+string(next.Code)] {
				continue
			}
			seen[next.Name+"\x00"+string(next.Code)] = true
			modules, hidden, err := add(scripts, set, next)
			if err != nil {
				return nil, err
			}
			all = append(all, modules...)
			for _, h := range hidden {
				h.Instance = in.Name
				notes = append(notes, h)
			}
		}
	}
	var found []finding
	for _, w := range scripts.Warnings() {
		found = append(found, finding{Severity: "warning", Instance: in.Name, Script: w.Script, Line: w.Line, Message: w.Message})
	}
	return append(found, notes...), nil
}

// hiddenPools notes pools that hide an outer one of the same name.
func hiddenPools(in instance.Inspection) []finding {
	var found []finding
	for _, p := range in.Table.Pools() {
		if p.Hides != nil && p.Hides.At.String() != "" {
			message := fmt.Sprintf("pool %q hides the one at %s", p.Name, p.Hides.At)
			found = append(found, finding{Severity: note, Instance: in.Name, Script: p.At.Script, Line: p.At.Line, Message: message})
		}
	}
	return found
}

// add looks at a script, and returns its modules, and notes of those that are used instead of libraries. A module that no source has is a
// library.
func add(scripts *lint.Scripts, set source.Set, s source.Script) (modules []source.Script, notes []finding, err error) {
	names, err := scripts.Add(s.Name, s.Code)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		module, err := set.Module(context.Background(), s.Name, name)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("module %s", name), err)
		}
		if module == nil {
			continue
		}
		modules = append(modules, *module)
		if _, err := caddy.GetModule("luaroute.libs." + name); err == nil {
			notes = append(notes, finding{Severity: note, Script: module.Name, Line: 1, Message: fmt.Sprintf(
				"require(%q) of %s finds this file; the library of that name is require(%q)", name, s.Name, "luaroute."+name)})
		}
	}
	return modules, notes, nil
}
