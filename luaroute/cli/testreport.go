package cli

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
)

// reporter writes the results of tests in a format.
type reporter struct {
	name  string
	write func(io.Writer, []simulate.File) error
}

var reporters = []reporter{
	{formatText, reportText},
	{formatJSON, func(out io.Writer, files []simulate.File) error { return writeJSON(out, files) }},
	{"tap", reportTAP},
	{"junit", reportJUnit},
}

// reportText is for people.
func reportText(out io.Writer, files []simulate.File) error {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s\n", f.Name)
		if f.Failure != nil {
			fmt.Fprintf(&b, "  FAIL  the file cannot be run\n%s", indented(f.Failure, "        "))
		}
		for _, t := range f.Tests {
			switch {
			case t.Pending:
				fmt.Fprintf(&b, "  --    %s (pending)\n", t.Title())
			case t.Failure == nil:
				fmt.Fprintf(&b, "  ok    %s\n", t.Title())
			default:
				fmt.Fprintf(&b, "  FAIL  %s\n%s", t.Title(), indented(t.Failure, "        "))
			}
		}
	}
	count := simulate.CountOf(files...)
	tests := "tests"
	if count.All == 1 {
		tests = "test"
	}
	fmt.Fprintf(&b, "\n%d %s, %d failed", count.All, tests, count.Failed)
	if count.Pending > 0 {
		fmt.Fprintf(&b, ", %d pending", count.Pending)
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// indented is a failure in lines of their own.
func indented(f *simulate.Failure, indent string) string {
	text := f.Text()
	if f.Trace != "" {
		text += "\n" + f.Trace
	}
	return indent + strings.ReplaceAll(text, "\n", "\n"+indent) + "\n"
}

// reportTAP is the Test Anything Protocol, version 13, with a YAML block for each failure.
func reportTAP(out io.Writer, files []simulate.File) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TAP version 13\n1..%d\n", simulate.CountOf(files...).All)
	n := 0
	line := func(title, directive string, f *simulate.Failure) {
		n++
		verdict := "ok"
		if f != nil {
			verdict = "not ok"
		}
		fmt.Fprintf(&b, "%s %d - %s%s\n", verdict, n, tapText(title), directive)
		if f == nil {
			return
		}
		b.WriteString("  ---\n")
		for _, field := range []struct{ name, text string }{
			{"message", f.Message}, {"at", f.At}, {"found", f.Found}, {"expected", f.Expected},
		} {
			if field.text != "" {
				fmt.Fprintf(&b, "  %s: %q\n", field.name, field.text)
			}
		}
		b.WriteString("  ...\n")
	}
	for _, f := range files {
		if f.Failure != nil {
			line(f.Name, "", f.Failure)
		}
		for _, t := range f.Tests {
			directive := ""
			if t.Pending {
				directive = " # SKIP pending"
			}
			line(f.Name+" > "+t.Title(), directive, t.Failure)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// tapText keeps a name from being read as a directive or as several lines.
func tapText(s string) string { return strings.NewReplacer("\n", " ", "\r", " ", "#", `\#`).Replace(s) }

// The elements of a report in the form of JUnit, as far as continuous integrations read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr,omitempty"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Skipped *struct{}     `xml:"skipped"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// reportJUnit is the XML that JUnit writes.
func reportJUnit(out io.Writer, files []simulate.File) error {
	count := simulate.CountOf(files...)
	report := junitSuites{Tests: count.All, Failures: count.Failed, Skipped: count.Pending}
	for _, f := range files {
		count := simulate.CountOf(f)
		suite := junitSuite{Name: f.Name, Tests: count.All, Failures: count.Failed, Skipped: count.Pending}
		if f.Failure != nil {
			suite.Cases = append(suite.Cases, junitCase{
				Class: f.Name, Name: "load", File: f.Name, Time: seconds(0), Failure: junitFailed(f.Failure),
			})
		}
		total := 0.0
		for _, t := range f.Tests {
			total += t.Seconds
			c := junitCase{
				Class: f.Name, Name: t.Title(), File: t.Script, Line: t.Line, Time: seconds(t.Seconds), Failure: junitFailed(t.Failure),
			}
			if t.Pending {
				c.Skipped = new(struct{})
			}
			suite.Cases = append(suite.Cases, c)
		}
		suite.Time = seconds(total)
		report.Suites = append(report.Suites, suite)
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(out)
	enc.Indent("", "  ")
	if err := enc.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}

func junitFailed(f *simulate.Failure) *junitFailure {
	if f == nil {
		return nil
	}
	text := f.Text()
	if f.Trace != "" {
		text += "\n" + f.Trace
	}
	return &junitFailure{Message: f.Message, Text: text}
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
