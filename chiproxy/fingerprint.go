package chiproxy

import (
	"encoding/json"
	"hash/maphash"
)

// Fingerprinter is a guard, middleware or action that Describe does not fully identify: its fingerprint differs when it does something
// else. Fingerprints are valid within this process.
type Fingerprinter interface {
	Fingerprint() uint64
}

var fingerprintSeed = maphash.MakeSeed()

// FingerprintOf returns the fingerprint of a string.
func FingerprintOf(text string) uint64 { return maphash.String(fingerprintSeed, text) }

// Fingerprint returns the fingerprint of what may have one, else 0.
func Fingerprint(x any) uint64 {
	if f, ok := x.(Fingerprinter); ok {
		return f.Fingerprint()
	}
	return 0
}

// FingerprintOfData returns the fingerprint of plain data, 0 if it is none.
func FingerprintOfData(v any) uint64 {
	text, err := json.Marshal(v)
	if err != nil {
		return 0
	}
	return maphash.Bytes(fingerprintSeed, text)
}

// Fingerprint tells ways to forward to one pool apart.
func (p Proxy) Fingerprint() uint64 {
	if p.plain() {
		return 0
	}
	if p.texts != nil {
		return FingerprintOfData([]any{p, p.texts.sources()})
	}
	return FingerprintOfData(p)
}

// Fingerprint tells errors of one status apart.
func (a Error) Fingerprint() uint64 { return FingerprintOf(a.Message) }

// Fingerprint tells guards apart.
func (g *DataGuard) Fingerprint() uint64 { return FingerprintOf(g.Identity()) }

// Fingerprint tells handlers of one module apart.
func (m Module) Fingerprint() uint64 { return m.Config }

// Fingerprint tells matchers of one module apart.
func (m *Matcher) Fingerprint() uint64 { return m.Config }

// Interface guards
var (
	_ Fingerprinter = Proxy{}
	_ Fingerprinter = Error{}
	_ Fingerprinter = (*DataGuard)(nil)
	_ Fingerprinter = Module{}
	_ Fingerprinter = (*Matcher)(nil)
)
