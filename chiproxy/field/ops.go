package field

import (
	"errors"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Ops changes header fields: it removes, then sets, then adds, so that what is set and added is there
// afterwards. The case of names does not matter. Values are taken as they are; placeholders in them mean nothing.
type Ops struct {
	// Set replaces all values of a field.
	Set http.Header
	// Add keeps the values a field has.
	Add http.Header
	// Remove names the fields to remove.
	Remove []string
}

// Check reports names and values that the function Check refuses, and a Content-Length beside another.
func (o *Ops) Check() error {
	if o == nil {
		return nil
	}
	for _, name := range o.Remove {
		if err := CheckName(name); err != nil {
			return err
		}
	}
	if err := CheckAll(o.Set, Check); err != nil {
		return err
	}
	if Has(o.Add, contentLength) {
		return errors.New("header Content-Length: there is one; set it")
	}
	if err := CheckAll(o.Add, Check); err != nil {
		return err
	}
	return CheckSize(Size(o.Set) + Size(o.Add))
}

// CheckResponse reports what Ops.Check does and what the function CheckResponse refuses.
func (o *Ops) CheckResponse() error {
	if o == nil {
		return nil
	}
	for _, h := range []http.Header{o.Set, o.Add} {
		if err := CheckAll(h, CheckResponse); err != nil {
			return err
		}
	}
	return o.Check()
}

// CheckHost reports changes of the header of a request that would leave it without one good Host.
func (o *Ops) CheckHost() error {
	if o == nil {
		return nil
	}
	for name, values := range o.Set {
		if textproto.CanonicalMIMEHeaderKey(name) == "Host" {
			if err := CheckHost(values...); err != nil {
				return err
			}
		}
	}
	if Has(o.Add, "Host") || slices.ContainsFunc(o.Remove, func(name string) bool { return strings.EqualFold(name, "Host") }) {
		return errors.New("the header Host has one value; set it")
	}
	return nil
}

// Apply changes a header.
func (o *Ops) Apply(h http.Header) {
	for _, name := range o.Remove {
		Remove(h, name)
	}
	SetAll(h, o.Set)
	AddAll(h, o.Add)
}

// Assign makes values the ones that a field has, and removes it where there are none. The name is canonical.
func (o *Ops) Assign(name string, values []string) {
	delete(o.Add, name)
	o.Remove = slices.DeleteFunc(o.Remove, func(other string) bool { return other == name })
	if len(values) == 0 {
		delete(o.Set, name)
		o.Remove = append(o.Remove, name)
		return
	}
	if o.Set == nil {
		o.Set = http.Header{}
	}
	o.Set[name] = values
}

// Append adds values to those that a field has. The name is canonical.
func (o *Ops) Append(name string, values []string) {
	if o.Add == nil {
		o.Add = http.Header{}
	}
	o.Add[name] = append(o.Add[name], values...)
}

// Assigns reports whether the values that a field has before do not matter. The name is canonical.
func (o *Ops) Assigns(name string) bool {
	_, set := o.Set[name]
	return set || slices.Contains(o.Remove, name)
}

// Then makes later changes as well. All names are canonical.
func (o *Ops) Then(later Ops) {
	for _, name := range later.Remove {
		o.Assign(name, nil)
	}
	for name, values := range later.Set {
		o.Assign(name, values)
	}
	for name, values := range later.Add {
		o.Append(name, values)
	}
}
