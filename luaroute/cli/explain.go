package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// explainCommand is `caddy luaroute explain`.
func explainCommand() *cobra.Command {
	e := new(explanation)
	cmd := &cobra.Command{
		Use:   "explain [-X <method>] [-H '<name>: <value>']... [-d <body>] [--remote <address>] [--run | --trace] [--config <path> [--adapter <name>] | --address <address>] [--name <instance>] [--format text|json] <URL>",
		Short: "Shows how a request would be handled, and why",
		Long: `Says what becomes of a request: all candidates in the order in which they are tried, what each guard said and where it stands, the
middleware, the action, and the request as the pool would get it. Nothing is sent anywhere.

Guards are asked. Middleware and functions that answer run only with --run; without it, the answer says what it depends on. With --trace they
run, and each line of the scripts that has run is listed, with the locals that have changed in it.`,
		Args: oneArg("a URL or a path"),
	}
	e.add(cmd)
	set := cmd.Flags()
	set.StringVarP(&e.method, "request", "X", "", "Method of the request. Default: GET, or POST with a body")
	set.StringArrayVarP(&e.headers, "header", "H", nil, "Field of the request's header. May be given several times")
	set.StringVarP(&e.body, "data", "d", "", "Body of the request")
	set.StringVar(&e.remote, "remote", "", "Address of the client. Default: 127.0.0.1")
	set.BoolVar(&e.run, "run", false, "Also run middleware and functions that answer")
	set.BoolVar(&e.trace, "trace", false, "Run them, and list the lines of the scripts that have run")
	cmd.RunE = runArgs(func(cmd *cobra.Command, args []string) (int, error) {
		err := e.explain(args[0], cmd.OutOrStdout())
		return exitCode(err), err
	})
	return cmd
}

// explanation is what the command is called with.
type explanation struct {
	flags
	method, body, remote string
	headers              []string
	run, trace           bool
}

func (e *explanation) explain(target string, out io.Writer) error {
	if err := e.check(); err != nil {
		return wrongUseError{err}
	}
	q, err := e.question(target)
	if err != nil {
		return wrongUseError{err}
	}
	r, err := q.HTTP()
	if err != nil {
		return wrongUseError{err}
	}
	if e.address != "" {
		if e.trace {
			return wrongUseError{errors.New("--trace runs the scripts here; expected no --address")}
		}
		return e.askRunning(q, out)
	}
	if e.trace {
		return e.tracing(r, out)
	}
	instances, err := e.instances()
	if err != nil {
		return err
	}
	in, err := one(instances, func(in instance.Inspection) string { return in.Name })
	if err != nil {
		return err
	}
	d := explain.Decide(in.Table, r, e.run)
	if e.format == formatJSON {
		return writeJSON(out, d)
	}
	return d.WriteText(out)
}

// askRunning lets a running Caddy explain.
func (e *explanation) askRunning(q explain.Request, out io.Writer) error {
	names, err := e.names()
	if err != nil {
		return err
	}
	name, err := one(names, func(name string) string { return name })
	if err != nil {
		return err
	}
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	answer, err := e.askInstance(http.MethodPost, name, "explain", url.Values{"run": {strconv.FormatBool(e.run)}}, string(body))
	if err != nil {
		return err
	}
	if e.format == formatJSON {
		return writeJSON(out, json.RawMessage(answer))
	}
	_, err = out.Write(answer)
	return err
}

// question makes a request of a URL, of a host with a path, or of a path.
func (e *explanation) question(target string) (explain.Request, error) {
	q := explain.Request{Method: e.method, Path: target, RemoteAddr: e.remote, Body: e.body, Headers: explain.Fields{}}
	if q.Method == "" && q.Body != "" {
		q.Method = http.MethodPost
	}
	if !strings.HasPrefix(target, "/") {
		rest := target
		if scheme, after, ok := strings.Cut(target, "://"); ok {
			if scheme != "http" && scheme != "https" {
				return q, fmt.Errorf("%q: expected a URL of http or https, or a path", target)
			}
			q.Scheme, rest = scheme, after
		}
		rest, _, _ = strings.Cut(rest, "#")
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		q.Host, q.Path = rest[:end], rest[end:]
		if !strings.HasPrefix(q.Path, "/") {
			q.Path = "/" + q.Path
		}
		if q.Host == "" {
			return q, fmt.Errorf("%q: the host is missing; expected a URL, or a path that begins with /", target)
		}
	}
	for _, field := range e.headers {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return q, fmt.Errorf("-H %q: expected 'Name: value'", field)
		}
		q.Headers[name] = append(q.Headers[name], strings.TrimSpace(value))
	}
	return q, nil
}
