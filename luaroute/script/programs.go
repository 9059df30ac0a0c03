package script

import (
	"crypto/sha256"
	"sync"
)

// Programs compiles scripts for loads that follow one another, and compiles none twice: many tenants may have one script, and most
// scripts are what they were before a reload. The zero value is ready; a nil one remembers nothing.
type Programs struct {
	mu           sync.Mutex
	used, before map[[sha256.Size]byte]*Program
}

// Turn begins a load. Programs that neither this load nor the one before uses are forgotten by the next one.
func (p *Programs) Turn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.used = p.used, map[[sha256.Size]byte]*Program{}
}

// Compile is the function Compile for what is not known.
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
