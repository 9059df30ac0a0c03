// Package nested finds the Caddy modules that a configuration loads, at any depth: the handlers in the routes of a subroute, the
// transport of a pool, the matchers in a not.
package nested

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Use is a module that a configuration loads.
type Use struct {
	// ID is the namespace and the name, such as http.handlers.encode.
	ID string
	// Path is where in the configuration it stands, such as handle_response[0].routes[0].handle[1]; empty for the outermost one.
	Path string
	// Config is its own JSON, without its name.
	Config json.RawMessage
}

// Walk calls visit for a module of a configuration, and then for all that Caddy would load within it. It looks where Caddy itself
// looks: at the fields of the decoded module that name a namespace. The first error ends it, and begins with the path.
func Walk(id string, config json.RawMessage, visit func(Use) error) error {
	w := walk{visit}
	return w.module(Use{id, "", config})
}

type walk struct{ visit func(Use) error }

func (w walk) module(u Use) error {
	if err := w.visit(u); err != nil {
		if u.Path == "" {
			return err
		}
		return fmt.Errorf("%s: %w", u.Path, err)
	}
	info, err := caddy.GetModule(u.ID)
	if err != nil || len(u.Config) == 0 {
		return nil // Caddy reports what there is not
	}
	module := info.New()
	if err := json.Unmarshal(u.Config, &module); err != nil {
		return nil // as it does what it cannot read
	}
	return w.fields(reflect.ValueOf(module), u.Path)
}

// fields looks for modules in a decoded value.
func (w walk) fields(v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return w.fields(v.Elem(), path)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range v.Len() {
			if err := w.fields(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, key := range sorted(v) {
			if err := w.fields(v.MapIndex(key), join(path, key.String())); err != nil {
				return err
			}
		}
	case reflect.Struct:
		return w.structFields(v, path)
	}
	return nil
}

func (w walk) structFields(v reflect.Value, path string) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		at := path
		if name != "-" && !field.Anonymous {
			at = join(path, name)
		}
		tag, err := caddy.ParseStructTag(field.Tag.Get("caddy"))
		namespace, names := tag["namespace"]
		if err == nil && names {
			err = w.raw(v.Field(i), namespace, tag["inline_key"], at)
		} else {
			err = w.fields(v.Field(i), at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// raw looks at the JSON of modules of one namespace: one, a list of them, or a map. Without an inline key, the keys of a map are
// their names.
func (w walk) raw(v reflect.Value, namespace, inlineKey, path string) error {
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return w.inline(v.Bytes(), namespace, inlineKey, path)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if err := w.raw(v.Index(i), namespace, inlineKey, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case v.Kind() == reflect.Map:
		for _, key := range sorted(v) {
			value, at := v.MapIndex(key), join(path, key.String())
			var err error
			if inlineKey == "" && value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8 {
				err = w.module(Use{namespaced(namespace, key.String()), at, value.Bytes()})
			} else {
				err = w.raw(value, namespace, inlineKey, at)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// inline looks at a module whose name stands in its own JSON.
func (w walk) inline(raw json.RawMessage, namespace, key, path string) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	var name string
	if json.Unmarshal(fields[key], &name) != nil || name == "" {
		return nil
	}
	delete(fields, key)
	rest, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return w.module(Use{namespaced(namespace, name), path, rest})
}

func namespaced(namespace, name string) string { return strings.TrimPrefix(namespace+"."+name, ".") }

// sorted returns the keys of a map in order, so that of several errors always the same one is reported.
func sorted(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func join(path, name string) string { return strings.Trim(path+"."+name, ".") }
