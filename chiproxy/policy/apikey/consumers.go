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

// Form is how a list of consumers was written, for errors.
type Form struct {
	first   int
	example string
}

// The forms of lists.
var (
	JSON = Form{0, `[{"name":"ann","key":"…"}]`}
	Lua  = Form{1, `{ { name = "ann", key = "…" } }`}
)

// Parse returns the consumers in a list of JSON: objects with a name, a key or a list of keys, and any other fields. If hashed is true, keys
// are written as their SHA-256 in hexadecimal. An error begins with a path in the list, as its form has it, or says the line.
func Parse(text []byte, hashed bool, form Form) (*Consumers, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var list []attribute.Set
	if err := d.Decode(&list); err != nil {
		return nil, misread(text, err, form)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("line %d: there is more text after the list of consumers", lineOf(text, d.InputOffset()))
	}
	c := &Consumers{byHash: make(map[[sha256.Size]byte]*Consumer, len(list))}
	names := make(map[string]int, len(list))
	for n, all := range list {
		at := n + form.first
		name, _ := all["name"].(string)
		if name == "" {
			return nil, fmt.Errorf("[%d].name: expected a string that is not empty", at)
		}
		if before, taken := names[name]; taken {
			return nil, fmt.Errorf("[%d].name: %s is that of [%d], too; one consumer may have a list of keys", at, field.Quote(name), before)
		}
		names[name] = at
		if err := c.add(name, all, hashed, form); err != nil {
			return nil, fmt.Errorf("[%d].key%w", at, err)
		}
	}
	return c, nil
}

// misread returns the error of a text that is no list of objects.
func misread(text []byte, err error, form Form) error {
	expected := "expected a list of consumers, such as " + form.example
	if form != JSON {
		return errors.New(": " + expected) // a script has no line of JSON
	}
	offset := int64(len(text))
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset, expected = syntax.Offset, syntax.Error()+"; "+expected
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	return fmt.Errorf("line %d: %s", lineOf(text, offset), expected)
}

// lineOf returns the line of a place in a text.
func lineOf(text []byte, offset int64) int {
	return bytes.Count(text[:min(int(offset), len(text))], []byte("\n")) + 1
}

// add adds a consumer. An error continues the path of its key.
func (c *Consumers) add(name string, all attribute.Set, hashed bool, form Form) error {
	keys := []any{all["key"]}
	several, list := all["key"].([]any)
	if list {
		keys = several
	}
	all = maps.Clone(all)
	delete(all, "key")
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	consumer := &Consumer{id: name, text: string(text), all: all}
	for i, k := range keys {
		at := ""
		if list {
			at = fmt.Sprintf("[%d]", i+form.first)
		}
		key, ok := k.(string)
		if !ok {
			return fmt.Errorf("%s: expected a string, or a list of strings", at)
		}
		hash, err := hashOf(key, hashed)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if other := c.byHash[hash]; other != nil {
			return fmt.Errorf("%s: it is that of %s, too", at, field.Quote(other.id))
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
