package field

import (
	"fmt"
	"net/http"
)

const (
	// MaxHeader is how large a header may become by what a script sets, in bytes: what net/http takes, too. Each value counts for
	// itself, its name and 32 bytes, as in HTTP/2.
	MaxHeader = http.DefaultMaxHeaderBytes
	// MaxURI is how long a URI may become by what a script sets, in bytes.
	MaxURI = 64 << 10

	perValue  = 32
	maxMethod = 64
	maxHost   = 300 // a name has at most 253, and there are zones of IPv6
)

// SizeOf returns the size of a field.
func SizeOf(name string, values []string) (n int) {
	for _, value := range values {
		n += len(name) + len(value) + perValue
	}
	return n
}

// Size returns the size of a header.
func Size(h http.Header) (n int) {
	for name, values := range h {
		n += SizeOf(name, values)
	}
	return n
}

// CheckSize reports a header that is too large.
func CheckSize(size int) error {
	if size > MaxHeader {
		return fmt.Errorf("the header would have %d bytes; allowed are %d, where each value counts %d bytes more", size, MaxHeader, perValue)
	}
	return nil
}

// CheckURI reports a URI that is too long, unless it was as long before.
func CheckURI(length, was int) error {
	if length > MaxURI && length > was {
		return fmt.Errorf("the URI would have %d bytes; allowed are %d", length, MaxURI)
	}
	return nil
}
