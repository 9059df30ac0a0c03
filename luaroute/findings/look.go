package findings

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// lookedAt are scripts that were looked at.
type lookedAt struct {
	scripts *lint.Scripts
	modules map[string][]source.Script // that each script requires
	texts   []source.Script            // all of them, once each
}

// look looks at the scripts of tenants and at their modules. It returns the first error, and looks at all others.
func (l *lookedAt) look(ctx context.Context, set source.Set, tenants []string) error {
	all, failure := set.Scripts(ctx)
	here := map[string]bool{}
	for len(all) > 0 {
		next := all[0]
		all = all[1:]
		key := next.Name + "\x00" + string(next.Code)
		if here[key] {
			continue
		}
		here[key] = true
		modules, known := l.modules[key]
		if !known {
			var err error
			if modules, err = add(ctx, l.scripts, set, next); err != nil {
				failure = cmp.Or(failure, err)
			}
			l.modules[key] = modules
			l.texts = append(l.texts, next)
		}
		l.scripts.Serves(next.Name, tenants...)
		all = append(all, modules...)
	}
	return failure
}

// add looks at a script, and returns its modules. It notes those that are used instead of libraries. A module that no source has is a
// library.
func add(ctx context.Context, scripts *lint.Scripts, set source.Set, s source.Script) (modules []source.Script, err error) {
	names, err := scripts.Add(s.Name, s.Code)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		module, err := set.Module(ctx, s.Name, name)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("module %s", name), err)
		}
		if module == nil {
			continue
		}
		scripts.Module(s.Name, name, module.Name)
		modules = append(modules, *module)
		if _, err := caddy.GetModule("luaroute.libs." + name); err == nil {
			scripts.Note(lint.Finding{Kind: "shadowed-library", Script: module.Name, Line: 1, Message: fmt.Sprintf(
				"require(%q) of %s finds this file; the library of that name is require(%q)", name, s.Name, "luaroute."+name)})
		}
	}
	return modules, nil
}
