package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// publish prints the figures, and writes them where the options say.
func (r *report) publish(o options, out io.Writer) error {
	var text bytes.Buffer
	r.markdown(&text)
	_, err := out.Write(text.Bytes())
	if o.out != "" {
		err = errors.Join(err, r.write(o.out, text.Bytes()))
	}
	if o.into != "" {
		err = errors.Join(err, insert(o.into, text.Bytes()))
	}
	return err
}

// write writes the figures and everything they come from into a folder.
func (r *report) write(folder string, markdown []byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, "speed.md"), markdown, 0o644),
		os.WriteFile(filepath.Join(folder, "speed.json"), append(raw, '\n'), 0o644),
	)
}

// The figures of a document have a section of their own, which ends where the next one begins.
const (
	figures = "\n## Figures\n"
	section = "\n## "
)

// insert replaces the figures of a document.
func insert(file string, markdown []byte) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(figures))
	_, after, ends := bytes.Cut(rest, []byte(section))
	if !found || !ends {
		return fmt.Errorf("%s: expected a section %q, and another one behind it", file, strings.TrimSpace(figures))
	}
	whole := bytes.Join([][]byte{before, []byte(figures), []byte("\n"), markdown, []byte(section), after}, nil)
	return os.WriteFile(file, whole, 0o644)
}

// markdown writes tables. Figures are medians, a ratio is that of two medians, and the range behind it is its
// 95 % confidence interval.
func (r *report) markdown(out io.Writer) {
	fmt.Fprintf(out, "Measured on %s: %s. %d rounds of %v slices, %d connections.\n",
		r.Date.Format("2006-01-02"), r.Machine, r.Rounds, r.Slice, r.Conns)
	for _, s := range r.Stands {
		fmt.Fprintf(out, "\n### %s\n\n", s.Title)
		w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
		switch {
		case s.Grown != nil:
			grownTable(w, s.Grown)
		case s.Survived != nil:
			survivedTable(w, s.Survived)
		case s.Beside != nil:
			besideTable(w, s.Beside)
		default:
			pairTable(w, s.Pairs)
		}
		_ = w.Flush()
	}
	for i, why := range r.Skipped {
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "Skipped: %s.\n", why)
	}
}

func pairTable(w io.Writer, pairs []pairResult) {
	fmt.Fprintln(w, "| pair\t| what\t| µs CPU/request\t| ratio (95 %)\t| budget\t| requests/s (95 %)\t| p50 ms (95 %)\t| p99 ms (95 %)\t| mallocs\t| bytes\t| peak MiB\t|")
	fmt.Fprintln(w, "|---\t|---\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|")
	for _, p := range pairs {
		budget, mallocs, bytes, peaks := "", "", "", ""
		if p.Budget > 0 {
			budget = fmt.Sprintf("≤ %.2f", p.Budget)
		}
		if p.Of.Mallocs > 0 && p.To.Mallocs > 0 {
			mallocs = fmt.Sprintf("%.1f (%+.1f)", p.Of.Mallocs, p.Of.Mallocs-p.To.Mallocs)
			bytes = fmt.Sprintf("%.0f (%+.0f)", p.Of.Bytes, p.Of.Bytes-p.To.Bytes)
		}
		if p.Of.Peak != p.To.Peak { // they are not in one process
			peaks = fmt.Sprintf("%d / %d", p.Of.Peak>>20, p.To.Peak>>20)
		}
		fmt.Fprintf(w, "| %s\t| %s / %s\t| %.1f / %.1f\t| **%.3f** (%.3f to %.3f)\t| %s\t| %.0f / %.0f, %s\t| %.2f / %.2f, %s\t| %.2f / %.2f, %s\t| %s\t| %s\t| %s\t|\n",
			p.Name, p.Of.What, p.To.What, p.Of.CPU, p.To.CPU, p.CPU.Value, p.CPU.Low, p.CPU.High, budget,
			p.Of.Rate, p.To.Rate, p.Rate, p.Of.P50, p.To.P50, p.P50, p.Of.P99, p.To.P99, p.P99, mallocs, bytes, peaks)
	}
}
