package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// UnmarshalJSON reads an object. An error names the place in it, what was found there and what is allowed.
func (i *Instance) UnmarshalJSON(b []byte) error { return decode(b, i) }

// UnmarshalJSON reads an object, as that of Instance does.
func (t *Tenant) UnmarshalJSON(b []byte) error { return decode(b, t) }

// UnmarshalJSON reads an object, as that of Instance does.
func (l *Limits) UnmarshalJSON(b []byte) error { return decode(b, l) }

// decode fills a struct from the JSON of an object, key by key: a decoder of its own would name neither the place nor
// what is allowed there.
func decode(b []byte, into any) error {
	if bytes.Equal(bytes.TrimSpace(b), []byte("null")) {
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return fmt.Errorf("expected an object, found %s", shown(b))
	}
	fields := fieldsOf(reflect.ValueOf(into).Elem())
	for _, key := range slices.Sorted(maps.Keys(object)) {
		field, known := fields[key]
		if !known {
			return fmt.Errorf("unknown key %q; allowed are %s", key, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if err := decodeField(object[key], field); err != nil {
			return within(key, err)
		}
	}
	return nil
}

// decodeField decodes one value. Go's error for a wrong type becomes one in the words of the documentation.
func decodeField(raw json.RawMessage, field reflect.Value) error {
	err := json.Unmarshal(raw, field.Addr().Interface())
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) || err != nil && field.Type() == reflect.TypeFor[caddy.Duration]() {
		return fmt.Errorf("expected %s, found %s", expected(field.Type()), shown(raw))
	}
	return err
}

// fieldsOf returns the fields of a struct by their JSON keys, those of embedded structs too.
func fieldsOf(s reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for _, f := range reflect.VisibleFields(s.Type()) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key != "" && key != "-" {
			fields[key] = s.FieldByIndex(f.Index)
		}
	}
	return fields
}

// expected says what a field may be.
func expected(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[caddy.Duration]():
		return `a duration such as "100ms", or a number of nanoseconds`
	case t == reflect.TypeFor[[]string]():
		return "a list of strings"
	case t == reflect.TypeFor[[]json.RawMessage](), t == reflect.TypeFor[RateLimits](), t == reflect.TypeFor[Concurrencies](), t == reflect.TypeFor[SplitParts]():
		return "a list of objects"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Bool, t == reflect.TypeFor[*bool]():
		return "true or false"
	case t.Kind() == reflect.Int, t == reflect.TypeFor[*int]():
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Pointer:
		return "an object"
	}
	return `an object by name, or a list of objects with a "name"`
}

// shown returns a value as it stands in an error.
func shown(raw json.RawMessage) string {
	const most = 60
	text := []rune(string(bytes.TrimSpace(raw)))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// placed is an error with its place in the configuration, such as tenants[0].limits.cpu.
type placed struct {
	path string
	err  error
}

func (p *placed) Error() string { return p.path + ": " + p.err.Error() }
func (p *placed) Unwrap() error { return p.err }

// within adds the place around an error. One that begins with the key, as that of on_error does, has it already.
func within(key string, err error) error {
	var inner *placed
	switch {
	case errors.As(err, &inner):
		dot := "."
		if strings.HasPrefix(inner.path, "[") {
			dot = ""
		}
		return &placed{key + dot + inner.path, inner.err}
	case strings.HasPrefix(err.Error(), key+" "):
		return err
	}
	return &placed{key, err}
}
