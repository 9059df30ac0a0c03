package chiproxy

import (
	"context"
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
