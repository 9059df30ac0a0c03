package host

import "strings"

// Index holds values by the keys of hosts. The zero value is empty.
type Index[V any] struct {
	named map[string]V
	// wild is by the domain above.
	wild map[string]V
}

// Put sets the value of a key, as Key returns it.
func (x *Index[V]) Put(key string, v V) {
	in, key := x.of(key)
	if *in == nil {
		*in = map[string]V{}
	}
	(*in)[key] = v
}

// Get returns the value of a key: for a name, not that of the wildcard which stands for it.
func (x *Index[V]) Get(key string) V {
	in, key := x.of(key)
	return (*in)[key]
}

// of returns where the value of a key is, and by what.
func (x *Index[V]) of(key string) (in *map[string]V, by string) {
	if domain, wild := strings.CutPrefix(key, "*."); wild {
		return &x.wild, domain
	}
	return &x.named, key
}

// Find returns the values for a host, as Name returns it: that of its name, and that of the wildcard which stands for it.
func (x *Index[V]) Find(name string) (named, wild V) {
	if name == "" {
		return named, wild
	}
	if len(x.named) > 0 {
		named = x.named[name]
	}
	if len(x.wild) > 0 {
		if domain, ok := parent(name); ok {
			wild = x.wild[domain]
		}
	}
	return named, wild
}

// Len returns how many keys have values.
func (x *Index[V]) Len() int { return len(x.named) + len(x.wild) }

// Wildcard returns the key of the wildcard that stands for a host, as Name returns it, or "" where there is none.
func Wildcard(name string) string {
	if domain, ok := parent(name); ok {
		return "*." + domain
	}
	return ""
}

// parent is the name without its first label.
func parent(name string) (string, bool) {
	_, rest, ok := strings.Cut(name, ".")
	return rest, ok && rest != "" && strings.IndexByte(name, ':') < 0
}
