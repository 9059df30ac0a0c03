package script

import (
	"crypto/sha256"
	"sync"
)

// Programs caches compiled scripts across loads: many tenants may share a script, and most scripts do not change in a reload. The zero
// value is ready; a nil one caches nothing.
type Programs struct {
	mu           sync.Mutex
	used, before map[[sha256.Size]byte]*Program
}

// Turn begins a load. Programs that neither it nor the load before uses are dropped by the next Turn.
func (p *Programs) Turn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.used = p.used, map[[sha256.Size]byte]*Program{}
}

// Compile is the function Compile with the cache.
func (p *Programs) Compile(name string, src []byte) (*Program, error) {
	if p == nil {
		return Compile(name, src)
	}
	key := hash(name, src)
	if known := p.known(key); known != nil {
		return known, nil
	}
	program, err := Compile(name, src)
	if err != nil {
		return nil, err
	}
	p.keep(key, program)
	return program, nil
}

// known returns a program, and keeps it for the load after this one.
func (p *Programs) known(key [sha256.Size]byte) *Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	program, ok := p.used[key]
	if !ok {
		if program = p.before[key]; program != nil {
			p.used[key] = program
		}
	}
	return program
}

func (p *Programs) keep(key [sha256.Size]byte, program *Program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		p.used = map[[sha256.Size]byte]*Program{}
	}
	p.used[key] = program
}
