package vm

import (
	"errors"
	"maps"
)

// Tenanted is a Library that knows whose scripts it is opened for.
type Tenanted interface {
	Library
	// For returns the library for the scripts of one tenant. It is called for each load; what the library holds for it ends with
	// Tenant.OnEnd. Open without it is for scripts of no tenant, such as those of a description.
	For(t *Tenant) (Library, error)
}

// Tenant is whose scripts are loaded, for libraries that are Tenanted.
type Tenant struct {
	// Instance is the name of the instance, and Name that of the tenant, empty for the default tenant.
	Instance, Name string
	// Upstreams are the words of dial.Policy that say what may be dialled, besides what a library allows; nil for a tenant that is not isolated.
	Upstreams []string
	// Memory is the limit of one state, in bytes.
	Memory int64
	// Libraries are those that the tenant has, as they are configured for it: a library may ask another one.
	Libraries map[string]Library
	// Asked counts that a library has asked for something, and what became of it, both words of the program; nil counts nothing.
	Asked func(what, outcome string)

	ends []func()
}

// OnEnd has a function called when the scripts have ended, and no request runs in them.
func (t *Tenant) OnEnd(f func()) { t.ends = append(t.ends, f) }

// Asks counts, as Asked does.
func (t *Tenant) Asks(what, outcome string) {
	if t != nil && t.Asked != nil {
		t.Asked(what, outcome)
	}
}

// End calls the functions of OnEnd.
func (t *Tenant) End() {
	for _, f := range t.ends {
		f()
	}
	t.ends = nil
}

// Open returns the libraries as the tenant's scripts have them.
func (t *Tenant) Open() (map[string]Library, error) {
	own := maps.Clone(t.Libraries)
	var failed []error
	for name, lib := range t.Libraries {
		if tenanted, ok := lib.(Tenanted); ok {
			var err error
			if own[name], err = tenanted.For(t); err != nil {
				failed = append(failed, err)
			}
		}
	}
	return own, errors.Join(failed...)
}
