// Package nested finds the Caddy modules that a configuration loads, at any depth: the handlers in the routes of a subroute, the
// transport of a pool, the matchers in a not.
package nested

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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
	// Keys is Path in parts: keys of objects, and places in lists. See Change.
	Keys []any
}

// Walk calls visit for a module of a configuration, and then for all that Caddy would load within it. It looks where Caddy itself
// looks: at the fields of the decoded module that name a namespace. The first error ends it, and begins with the path.
func Walk(id string, config json.RawMessage, visit func(Use) error) error {
	w := walk{visit}
	return w.module(Use{ID: id, Config: config})
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
		return nil // Caddy reports unknown modules
	}
	module := info.New()
	if err := json.Unmarshal(u.Config, &module); err != nil {
		return nil // and what it cannot decode
	}
	return w.fields(reflect.ValueOf(module), place{u.Path, u.Keys})
}

// place is where in the configuration something stands.
type place struct {
	path string
	keys []any
}

// key returns the place of a field, or of an entry of a map.
func (p place) key(name string) place {
	return place{strings.Trim(p.path+"."+name, "."), append(slices.Clip(p.keys), name)}
}

// index returns the place of an element of a list.
func (p place) index(i int) place {
	return place{fmt.Sprintf("%s[%d]", p.path, i), append(slices.Clip(p.keys), i)}
}

// fields looks for modules in a decoded value.
func (w walk) fields(v reflect.Value, at place) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return w.fields(v.Elem(), at)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range v.Len() {
			if err := w.fields(v.Index(i), at.index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, key := range sorted(v) {
			if err := w.fields(v.MapIndex(key), at.key(key.String())); err != nil {
				return err
			}
		}
	case reflect.Struct:
		return w.structFields(v, at)
	}
	return nil
}

func (w walk) structFields(v reflect.Value, in place) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		at := in
		if name != "-" && !field.Anonymous {
			at = in.key(name)
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
func (w walk) raw(v reflect.Value, namespace, inlineKey string, at place) error {
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return w.inline(v.Bytes(), namespace, inlineKey, at)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if err := w.raw(v.Index(i), namespace, inlineKey, at.index(i)); err != nil {
				return err
			}
		}
	case v.Kind() == reflect.Map:
		for _, key := range sorted(v) {
			value, in := v.MapIndex(key), at.key(key.String())
			var err error
			if inlineKey == "" && value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8 {
				err = w.module(Use{namespaced(namespace, key.String()), in.path, value.Bytes(), in.keys})
			} else {
				err = w.raw(value, namespace, inlineKey, in)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// inline looks at a module whose name stands in its own JSON.
func (w walk) inline(raw json.RawMessage, namespace, key string, at place) error {
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
	return w.module(Use{namespaced(namespace, name), at.path, rest, at.keys})
}

func namespaced(namespace, name string) string { return strings.TrimPrefix(namespace+"."+name, ".") }

// sorted returns the keys of a map in order, so that of several errors always the same one is reported.
func sorted(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// Change returns a configuration in which the object that stands at some keys is what change makes of it. The keys are those of a Use,
// which are written as Caddy's own code writes them, so another case is accepted as Caddy does.
func Change(config json.RawMessage, keys []any, change func(map[string]any) error) (json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(config))
	dec.UseNumber() // which keeps all digits
	var root any = map[string]any{}
	if len(config) > 0 {
		if err := dec.Decode(&root); err != nil {
			return nil, err
		}
	}
	v := root
	for _, key := range keys {
		var found bool
		switch in := v.(type) {
		case map[string]any:
			if name, ok := key.(string); ok {
				v, found = in[Key(in, name)]
			}
		case []any:
			if i, ok := key.(int); ok && i < len(in) {
				v, found = in[i], true
			}
		}
		if !found {
			return nil, fmt.Errorf("%v is not where it was found", keys)
		}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%v is not an object", keys)
	}
	if err := change(object); err != nil {
		return nil, err
	}
	return json.Marshal(root)
}

// Key returns the key of an object that Caddy reads for a field: the name itself, or one that differs in case only.
func Key(object map[string]any, name string) string {
	if _, ok := object[name]; ok {
		return name
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if strings.EqualFold(key, name) {
			return key
		}
	}
	return name
}
