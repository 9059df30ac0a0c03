// Package origin says where something was declared: the script and the line, or the place in the configuration. Errors
// about it begin with that.
package origin

import "fmt"

// Origin says where something was declared.
type Origin struct {
	// Script is the name of the script, or the place in the configuration.
	Script string
	// Line counts from 1; 0 stands for unknown.
	Line int
	// Kind is what was declared: "route", "function", "matcher", "pool" and so on.
	Kind string
	// Text is a short description for people, such as the pattern or the module's name.
	Text string
}

// String returns script:line, or as much of it as is known.
func (o Origin) String() string {
	switch {
	case o.Script == "":
		return ""
	case o.Line == 0:
		return o.Script
	}
	return fmt.Sprintf("%s:%d", o.Script, o.Line)
}

// Errorf returns an error that begins with the place, where there is one.
func (o Origin) Errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if at := o.String(); at != "" {
		return fmt.Errorf("%s: %w", at, err)
	}
	return err
}

// Earlier is how an error ends that names an earlier place, too: `, first at main.lua:3`, or nothing where that is not known.
func (o Origin) Earlier() string {
	if at := o.String(); at != "" {
		return ", first at " + at
	}
	return ""
}
