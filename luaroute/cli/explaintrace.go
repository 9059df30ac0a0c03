package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/luaroute/findings"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/trace"
)

// tracedLine is a line that has run, with its text, if that is known.
type tracedLine struct {
	trace.Line
	Text string `json:"text,omitempty"`
}

// tracing explains a request, and lists the lines of scripts that have run for it.
func (e *explanation) tracing(r *http.Request, out io.Writer) (err error) {
	tracer := new(trace.Tracer)
	var instances []instance.Inspection
	instance.Observe(tracer.Step, func() { instances, err = e.instances() })
	if err != nil {
		return err
	}
	in, err := one(instances, func(in instance.Inspection) string { return in.Name })
	if err != nil {
		return err
	}
	var d explain.Decision
	lines, omitted := tracer.Trace(func() { d = explain.Decide(in.Table, r, true) })
	traced := withTexts(lines, textsOf(&in))
	if e.format == formatJSON {
		return writeTraceJSON(out, d, traced, omitted)
	}
	if err := d.WriteText(out); err != nil {
		return err
	}
	return writeTrace(out, traced, omitted)
}

// textsOf returns the lines of the scripts and modules of an instance, by name.
func textsOf(in *instance.Inspection) map[string][]string {
	texts := map[string][]string{}
	for _, s := range findings.Scripts(context.Background(), in) {
		if _, twice := texts[s.Name]; twice { // such as those in the configuration of two tenants
			s.Code = nil
		}
		texts[s.Name] = lint.Lines(s.Code)
	}
	return texts
}

func withTexts(lines []trace.Line, texts map[string][]string) []tracedLine {
	all := []tracedLine{}
	for _, line := range lines {
		one := tracedLine{Line: line}
		if text := texts[line.Script]; line.Number <= len(text) {
			one.Text = strings.TrimSpace(text[line.Number-1])
		}
		all = append(all, one)
	}
	return all
}

// writeTraceJSON prints a decision with a list of lines more.
func writeTraceJSON(out io.Writer, d explain.Decision, lines []tracedLine, omitted int) error {
	decision, err := json.Marshal(d)
	if err != nil {
		return err
	}
	traced, err := json.Marshal(struct {
		Lines   []tracedLine `json:"trace"`
		Omitted int          `json:"trace_omitted,omitempty"`
	}{lines, omitted})
	if err != nil {
		return err
	}
	decision[len(decision)-1] = ','
	return writeJSON(out, json.RawMessage(append(decision, traced[1:]...)))
}

// writeTrace prints the lines that have run for people.
func writeTrace(out io.Writer, lines []tracedLine, omitted int) error {
	if len(lines) == 0 {
		_, err := io.WriteString(out, "\nno line of a script has run\n")
		return err
	}
	var b strings.Builder
	b.WriteString("\ntrace\n")
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		var locals []string
		for _, local := range line.Locals {
			locals = append(locals, local.Name+" = "+local.Value)
		}
		text := strings.Repeat("  ", line.Depth) + strings.ReplaceAll(line.Text, "\t", " ")
		fmt.Fprintf(table, "  %s:%d\t%s\t%s\n", line.Script, line.Number, text, strings.Join(locals, ", "))
	}
	_ = table.Flush() // a Builder takes everything
	if omitted > 0 {
		fmt.Fprintf(&b, "  and %d more\n", omitted)
	}
	for line := range strings.Lines(b.String()) {
		if _, err := io.WriteString(out, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}
