package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/luaroute/caddy-luaroute/luaroute/coverage"
)

// noFile is the value of --coverage without a file.
const noFile = "-"

// report writes which lines of scripts have run. Those of the tests themselves do not count.
func (r *testRun) report(out io.Writer, scripts []coverage.Script, tests []string) error {
	scripts = slices.DeleteFunc(scripts, func(s coverage.Script) bool { return slices.Contains(tests, s.Name) })
	if r.coverage != noFile {
		var b bytes.Buffer
		if err := coverage.WriteLCOV(&b, scripts); err != nil {
			return err
		}
		if err := os.WriteFile(r.coverage, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("--coverage: %w", err)
		}
	}
	if r.format != formatText {
		return nil
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCRIPT\tLINES\tRUN\tSHARE\tNOT RUN")
	all, run := 0, 0
	for _, s := range scripts {
		row(table, s.Name, len(s.Lines), s.Run(), notRun(s.Lines))
		all, run = all+len(s.Lines), run+s.Run()
	}
	row(table, "all", all, run, "-")
	return table.Flush()
}

func row(out io.Writer, name string, lines, run int, missing string) {
	share := 100
	if lines > 0 {
		share = run * 100 / lines
	}
	fmt.Fprintf(out, "%s\t%d\t%d\t%d%%\t%s\n", name, lines, run, share, missing)
}

// notRun lists the lines that have not run: "3, 7-9".
func notRun(lines []coverage.Line) string {
	var parts []string
	for i := 0; i < len(lines); i++ {
		if lines[i].Count > 0 {
			continue
		}
		first := i
		for i+1 < len(lines) && lines[i+1].Count == 0 {
			i++
		}
		part := fmt.Sprint(lines[first].Number)
		if i > first {
			part = fmt.Sprintf("%d-%d", lines[first].Number, lines[i].Number)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}
