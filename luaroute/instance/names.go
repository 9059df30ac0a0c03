package instance

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute/declare"
)

// Placeholders of a request cost it an allocation, so they are there only where something can ask for one. What asks has their name in a text:
// of a handler or matcher that stands around luaroute, or of a script.

// names reports whether something in the routes of a server asks for placeholders of requests.
func names(server *caddyhttp.Server) bool {
	s := search{}
	return s.in(reflect.ValueOf(server.Routes)) || s.in(reflect.ValueOf(server.NamedRoutes)) || s.in(reflect.ValueOf(server.Errors))
}

// readsFiles are handlers that ask for what files of theirs name.
var readsFiles = map[caddy.ModuleID]bool{"http.handlers.templates": true}

// search looks for the name in a configuration that is provisioned: in its exported fields, however deep. It has the pointers that it was at.
type search map[uintptr]bool

// rawType is that of a configuration that is not provisioned.
var rawType = reflect.TypeFor[json.RawMessage]()

func (s search) in(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return strings.Contains(v.String(), declare.AskedName)
	case reflect.Interface:
		return s.in(v.Elem())
	case reflect.Pointer:
		if v.IsNil() || s[v.Pointer()] {
			return false
		}
		s[v.Pointer()] = true
		return asksFiles(v) || s.in(v.Elem())
	case reflect.Slice, reflect.Array:
		if v.Type() == rawType {
			return bytes.Contains(v.Bytes(), []byte(declare.AskedName))
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return false
		}
		for i := range v.Len() {
			if s.in(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if s.in(entry.Key()) || s.in(entry.Value()) {
				return true
			}
		}
	case reflect.Struct:
		if !strings.Contains(v.Type().PkgPath(), ".") { // of the standard library: no configuration
			return false
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if m := f.Type; m.Kind() == reflect.Map && m.Elem().Kind() != reflect.Interface && f.Tag.Get("json") == "-" {
				continue // neither configuration nor modules, and whose it is may be writing to it
			}
			if f.IsExported() && s.in(v.Field(i)) {
				return true
			}
		}
	}
	return false
}

// asksFiles reports whether a module asks for what files of its name.
func asksFiles(v reflect.Value) bool {
	module, ok := v.Interface().(caddy.Module)
	return ok && readsFiles[module.CaddyModule().ID]
}
