package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Pools are upstream pools in their order, which the old contract shows to scripts. In JSON they are a list of
// objects with a "name", or an object by name, whose pools are ordered by name.
type Pools []NamedPool

// NamedPool is an upstream pool.
type NamedPool struct {
	Name string
	// Config is the JSON of a reverse_proxy.
	Config json.RawMessage
}

// MarshalJSON writes an object if the pools are ordered by name, or else a list.
func (p Pools) MarshalJSON() ([]byte, error) {
	byName := map[string]json.RawMessage{}
	for _, pool := range p {
		byName[pool.Name] = pool.Config
	}
	compare := func(a, b NamedPool) int { return cmp.Compare(a.Name, b.Name) }
	if slices.IsSortedFunc(p, compare) && len(byName) == len(p) {
		return json.Marshal(byName)
	}
	list := []map[string]json.RawMessage{}
	for _, pool := range p {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(pool.Config, &fields); err != nil {
			return nil, fmt.Errorf("pool %q: %w", pool.Name, err)
		}
		name, err := json.Marshal(pool.Name)
		if err != nil {
			return nil, err
		}
		if fields == nil {
			fields = map[string]json.RawMessage{}
		}
		fields["name"] = name
		list = append(list, fields)
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a list of objects with a "name", or an object by name.
func (p *Pools) UnmarshalJSON(b []byte) error {
	var byName Named
	if err := json.Unmarshal(b, &byName); err != nil {
		return err
	}
	*p = nil
	for name, config := range byName {
		*p = append(*p, NamedPool{name, config})
	}
	order := map[string]int{}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		var list []struct{ Name string }
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		for i, pool := range list {
			order[pool.Name] = i
		}
	}
	slices.SortFunc(*p, func(a, b NamedPool) int {
		return cmp.Or(cmp.Compare(order[a.Name], order[b.Name]), cmp.Compare(a.Name, b.Name))
	})
	return nil
}
