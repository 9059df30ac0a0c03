package explain

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText writes the decision for people: the outcome of the request, why, and all candidates in order.
func (d *Decision) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", d.Summary())
	facts := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range d.facts() {
		fmt.Fprintf(facts, "  %s\t%s\n", f.name, f.text)
	}
	_ = facts.Flush() // a Builder takes everything
	if len(d.Candidates) > 0 {
		b.WriteString("\ncandidates\n")
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, c := range d.Candidates {
			c.writeText(table)
		}
		_ = table.Flush()
	}
	if d.Omitted > 0 {
		fmt.Fprintf(&b, "  and %d more that were not asked\n", d.Omitted)
	}
	_, err := io.WriteString(w, trimmed(b.String()))
	return err
}

// trimmed takes the blanks off the ends of lines that a table leaves there.
func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// Summary is the outcome of the request in one line.
func (d *Decision) Summary() string {
	switch {
	case d.Err != nil:
		return fmt.Sprintf("error %d: %s", d.Status, d.Failure)
	case d.Pool != "":
		return "pool " + d.Pool
	case d.Handler != "":
		return "handler " + d.Handler
	case d.Next:
		return "Caddy's next handler"
	case d.Status != 0:
		return fmt.Sprintf("answer %d", d.Status)
	}
	return "not decided"
}

type fact struct{ name, text string }

func (d *Decision) facts() []fact {
	var all []fact
	add := func(name, text string) {
		if text != "" {
			all = append(all, fact{name, text})
		}
	}
	add("not certain", d.Stops)
	add("tenant", d.Tenant)
	add("route", d.Route)
	add("pattern", d.Pattern)
	for _, name := range slices.Sorted(maps.Keys(d.Params)) {
		add("param", name+" = "+d.Params[name])
	}
	add("at", d.Origin.String())
	add("action", d.Action)
	add("variant", d.Variant)
	add("upstream", d.Upstream)
	add("allow", strings.Join(d.Allow, ", "))
	if r := d.Request; r != nil {
		add("request", r.Method+" "+r.URI)
		add("host", r.Host)
		for _, name := range slices.Sorted(maps.Keys(r.Changed)) {
			for _, v := range r.Changed[name] {
				add("header", name+": "+v)
			}
		}
		for _, name := range r.Removed {
			add("header", name+" is removed")
		}
	}
	for _, what := range d.Refused {
		add("refused", what)
	}
	return all
}

// behind writes a word behind others.
func behind(word string) string {
	if word == "" {
		return ""
	}
	return ", " + word
}

// writeText writes a candidate as a line of a table, and its guards and middleware below.
func (c *Candidate) writeText(w io.Writer) {
	what := c.Pattern
	switch c.Kind {
	case KindScope:
		what += " (scope" + behind(c.Says) + ")"
	case KindMissed:
		what = "(no route" + behind(c.Says) + ")"
	case KindFallback:
		what = "(function of the tenant)"
	case KindUsePool:
		what = "(pool of the tenant)"
	}
	methods := cmp.Or(strings.Join(c.Methods, ","), "*")
	if c.Kind != KindRoute {
		methods = ""
	}
	where := ""
	if c.Tenant != "" {
		where = "tenant " + c.Tenant
	}
	fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\n", c.Fate, cmp.Or(c.At, "-"), methods, what, c.Action, where)
	for _, g := range c.Guards {
		role := "guard"
		if g.Layer {
			role = "layer"
		}
		text := g.Verdict
		if why := g.Error + g.Missed; why != "" {
			text += ": " + why
		}
		fmt.Fprintf(w, "    %s\t%s\t\t%s\t%s\t\n", role, cmp.Or(g.At, "-"), g.Guard, text)
	}
	for _, s := range c.Middleware {
		fmt.Fprintf(w, "    middleware\t%s\t\t%s\t%s\t%s\n", cmp.Or(s.At, "-"), s.Middleware, s.Verdict, s.Note)
	}
}
