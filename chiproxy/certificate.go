package chiproxy

import (
	"context"

	"github.com/luaroute/caddy-luaroute/chiproxy/host"
)

// Ruling is what a Certifier says about a name.
type Ruling int

const (
	// Unruled leaves the name to the table. It is the default.
	Unruled Ruling = iota
	// Added allows a certificate, whatever the table has.
	Added
	// Vetoed refuses it.
	Vetoed
)

// Certifier has a say in the names that certificates are issued for. Any number of goroutines may ask it.
type Certifier interface {
	// Rule rules on a name as it stands in a certificate: in lower-case ASCII, or an IP address.
	Rule(ctx context.Context, name string) (Ruling, error)
}

// HasHost reports whether some tenant or layer serves the host, by name or by wildcard. What is for all hosts does not count.
// The host has no port; how many hosts the table has does not matter.
func (t *Table) HasHost(name string) bool {
	name = host.ForCertificate(name)
	return name != "" && t.hasHost(name)
}

func (t *Table) hasHost(name string) bool {
	return t.index.hasHost(name) || t.layerHosts != nil && t.layerHosts.Has(name)
}

// Certify reports whether a certificate may be issued for a host: one that HasHost has, unless Spec.Certifier rules otherwise. The
// error is that of the Certifier, and the answer no then; or ErrRetired when the table was retired.
func (t *Table) Certify(ctx context.Context, name string) (bool, error) {
	name = host.ForCertificate(name)
	if name == "" {
		return false, nil
	}
	if !t.Acquire() {
		return false, ErrRetired
	}
	defer t.Release()
	if t.certifier == nil {
		return t.hasHost(name), nil
	}
	ruling, err := t.certifier.Rule(ctx, name)
	if err != nil {
		return false, err
	}
	return ruling == Added || ruling == Unruled && t.hasHost(name), nil
}
