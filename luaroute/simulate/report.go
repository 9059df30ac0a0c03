package simulate

import "strings"

// File is the result of a file of tests.
type File struct {
	Name  string `json:"file"`
	Tests []Test `json:"tests"`
	// Failure says why the file could not be loaded, or has no tests. It is nil for one that was run.
	Failure *Failure `json:"failure,omitempty"`
}

// Test is the result of one test.
type Test struct {
	// Name is the names of the groups around the test, and its own.
	Name    []string `json:"name"`
	Script  string   `json:"script"`
	Line    int      `json:"line"`
	Seconds float64  `json:"seconds"`
	// Pending says that the test is still to be written.
	Pending bool `json:"pending,omitempty"`
	// Failure is nil for a test that has passed.
	Failure *Failure `json:"failure,omitempty"`
}

// Title is the whole name of the test.
func (t Test) Title() string { return title(t.Name) }

func title(path []string) string { return strings.Join(path, " > ") }

// Failure is why a test failed.
type Failure struct {
	// At is script:line, empty if unknown.
	At      string `json:"at,omitempty"`
	Message string `json:"message"`
	// Found and Expected are those of an expectation, empty for any other error.
	Found    string `json:"found,omitempty"`
	Expected string `json:"expected,omitempty"`
	// Trace is the call stack of the script, empty for expectations.
	Trace string `json:"trace,omitempty"`
}

// Text is the failure as one line, or several where a message has some.
func (f Failure) Text() string {
	if f.At == "" {
		return f.Message
	}
	return f.At + ": " + f.Message
}

// Count is how many tests there are.
type Count struct{ All, Failed, Pending int }

// CountOf counts tests. A file that was not run counts as one that has failed.
func CountOf(files ...File) (c Count) {
	for _, f := range files {
		if f.Failure != nil {
			c.All++
			c.Failed++
		}
		for _, t := range f.Tests {
			c.All++
			switch {
			case t.Failure != nil:
				c.Failed++
			case t.Pending:
				c.Pending++
			}
		}
	}
	return c
}

// Error is the failure as an error.
func (f *Failure) Error() string { return f.Text() }
