package routing

import (
	"fmt"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// dumpSpec writes a specification for a failed comparison.
func dumpSpec(s *chiproxy.Spec) string {
	var sb strings.Builder
	for i := range s.Tenants {
		t := &s.Tenants[i]
		fmt.Fprintf(&sb, "\n tenant %s hosts %v prefix %q priority %d fallthrough %v", t.Name, t.Hosts, t.PathPrefix, t.Priority, t.Fallthrough)
		dumpScope(&sb, &t.Root, "\n  ")
	}
	sb.WriteString("\n default")
	dumpScope(&sb, &s.Default.Root, "\n  ")
	return sb.String()
}

func dumpScope(sb *strings.Builder, s *chiproxy.Scope, indent string) {
	fmt.Fprintf(sb, "%s%s %s hosts %v priority %d guards %s middleware %s notfound %s notallowed %s", indent,
		[]string{"group", "owner", "layer"}[s.Kind], s.Pattern, s.Hosts, s.Priority, dumpHooks(s.Guards), dumpHooks(s.Middleware),
		dumpAnswer(s.NotFound), dumpAnswer(s.MethodNotAllowed))
	for _, i := range s.Items {
		if i.Scope != nil {
			dumpScope(sb, i.Scope, indent+"  ")
			continue
		}
		fmt.Fprintf(sb, "%s  route %v %s guards %s action %s priority %d", indent, i.Route.Methods, i.Route.Pattern,
			dumpHooks(i.Route.Guards), dumpHooks([]chiproxy.Action{i.Route.Action}), i.Route.Priority)
	}
}

func dumpAnswer(a *chiproxy.Answer) string {
	if a == nil {
		return "-"
	}
	return dumpHooks([]chiproxy.Action{a.Action})
}

func dumpHooks[T any](hooks []T) string {
	var out []string
	for _, h := range hooks {
		switch h := any(h).(type) {
		case *worldHook:
			out = append(out, fmt.Sprint(h.id))
		case chiproxy.Module:
			out = append(out, fmt.Sprint("module ", h.Handler.(*worldModule).id))
		case chiproxy.Next:
			out = append(out, "next")
		case *chiproxy.DataGuard:
			out = append(out, fmt.Sprint(h.Conditions))
		}
	}
	return fmt.Sprint(out)
}
