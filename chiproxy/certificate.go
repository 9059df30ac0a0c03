package chiproxy

import (
	"context"
)

// Ruling is what a Certifier says about a name.
type Ruling int

const (
	// Unruled leaves the name to the table. It is the default.
	Unruled Ruling = iota
	// Added allows a certificate even for a host that the table does not have.
	Added
	// Vetoed refuses it.
	Vetoed
)

// Certifier decides for which names certificates are issued. It is safe for concurrent use.
type Certifier interface {
	// Rule rules on a name as it stands in a certificate: in lower-case ASCII, or an IP address.
	Rule(ctx context.Context, name string) (Ruling, error)
}
