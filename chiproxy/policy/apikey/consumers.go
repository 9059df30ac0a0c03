package apikey

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/attribute"
)

// MinKey and MaxKey are the sizes of keys, in bytes.
const MinKey, MaxKey = 16, 512

// Consumers are those who have keys. They never change.
type Consumers struct {
	byHash map[[sha256.Size]byte]*Consumer
}

// Consumer is somebody who has a key. It is an identity of requests.
type Consumer struct {
	id, text string
	all      attribute.Set
}

// Name is how scripts know it.
func (c *Consumer) Name() string { return "consumer" }

// JSON returns all that is known of it but the keys.
func (c *Consumer) JSON() string { return c.text }

// ID returns its name.
func (c *Consumer) ID() string { return c.id }

// Any reports whether a field is one of some values, or a list that has one of them.
func (c *Consumer) Any(path string, values []string) bool { return c.all.Any(path, values) }

// Parse returns the consumers in a list of JSON: objects with a name, a key or a list of keys, and any other fields. If hashed is true, keys
// are written as their SHA-256 in hexadecimal.
func Parse(text []byte, hashed bool) (*Consumers, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var list []attribute.Set
	if err := d.Decode(&list); err != nil {
		return nil, errors.New(`expected a list of consumers, such as [{"name":"ann","key":"…"}]`)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more text after the list of consumers")
	}
	c := &Consumers{byHash: make(map[[sha256.Size]byte]*Consumer, len(list))}
	names := make(map[string]bool, len(list))
	for n, all := range list {
		name, _ := all["name"].(string)
		if name == "" {
			return nil, fmt.Errorf("consumer %d has no name", n+1)
		}
		if names[name] {
			return nil, fmt.Errorf("consumer %d has the name %s, as one before has; one may have a list of keys", n+1, field.Quote(name))
		}
		names[name] = true
		if err := c.add(name, all, hashed); err != nil {
			return nil, fmt.Errorf("consumer %d, %s: %w", n+1, field.Quote(name), err)
		}
	}
	return c, nil
}

func (c *Consumers) add(name string, all attribute.Set, hashed bool) error {
	keys := []any{all["key"]}
	if several, ok := all["key"].([]any); ok {
		keys = several
	}
	all = maps.Clone(all)
	delete(all, "key")
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	consumer := &Consumer{id: name, text: string(text), all: all}
	for _, k := range keys {
		key, ok := k.(string)
		if !ok {
			return errors.New("key: expected a string, or a list of strings")
		}
		hash, err := hashOf(key, hashed)
		if err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if other := c.byHash[hash]; other != nil {
			return fmt.Errorf("key: it is that of %s, too", field.Quote(other.id))
		}
		c.byHash[hash] = consumer
	}
	return nil
}

// hashOf returns the SHA-256 of a key as it is written.
func hashOf(key string, hashed bool) (hash [sha256.Size]byte, err error) {
	if hashed {
		if n, err := hex.Decode(hash[:], []byte(key[:min(len(key), 2*sha256.Size)])); err != nil || n != sha256.Size || len(key) != 2*sha256.Size {
			return hash, fmt.Errorf("found %d characters; expected a SHA-256, 64 hexadecimal digits", len(key))
		}
		return hash, nil
	}
	if len(key) < MinKey || len(key) > MaxKey {
		return hash, fmt.Errorf("found %d bytes; allowed are %d to %d", len(key), MinKey, MaxKey)
	}
	return sha256.Sum256([]byte(key)), nil
}
