package reference_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// update has the documents written anew: go test ./luaroute/reference -update. Read the diff before you commit.
var update = flag.Bool("update", false, "write the tables of the documents anew")

// block is a part of a document that is made of descriptions. It stands behind <!-- names: NAME -->, up to an empty line.
type block struct {
	docs []vm.Doc
	// before is what stands before the name of a function: "r:".
	before string
	// list has names in a paragraph, and texts has what is said of them there, too.
	list, texts bool
}

// actions are the functions of routers that have a table of their own.
var actions = []string{"proxy", "respond", "redirect", "handler", "next", "error", "decline", "split"}

// blocks returns the parts of the documents by their names.
func blocks(t *testing.T) map[string]block {
	t.Helper()
	r := reference.Build()
	all := map[string]block{}
	for _, lib := range r.Libraries {
		all[lib.Name] = block{docs: lib.Docs, before: lib.Name + "."}
	}
	globals := slices.Clone(r.Globals)
	for _, table := range r.Tables {
		globals = append(globals, vm.Doc{Name: table.Name, Type: "table"})
		all[table.Name] = block{docs: table.Fields, list: true, texts: slices.Contains([]string{"debug", "package", "io"}, table.Name)}
	}
	slices.SortFunc(globals, func(a, b vm.Doc) int { return strings.Compare(a.Name, b.Name) })
	all["globals"] = block{docs: globals, list: true}

	router := r.Router()
	isAction := func(d vm.Doc) bool { return slices.Contains(actions, d.Name) }
	own := block{docs: slices.DeleteFunc(slices.Clone(router.Methods), isAction), before: "r:"}
	acting := block{before: "route."}
	for _, name := range actions {
		both := slices.Concat(router.Methods, router.Fields)
		acting.docs = append(acting.docs, both[slices.IndexFunc(both, func(d vm.Doc) bool { return d.Name == name })])
	}
	all["router"], all["actions"] = own, acting

	for name, class := range map[string]string{
		"route options": "RouteOptions", "layer options": "LayerOptions", "proxy options": "ProxyOptions", "header operations": "HeaderOperations",
		"response": "ResponseTable", "guard": "GuardData", "cors": "CORS", "headers": "HeaderOptions", "JSON fields": "JSONFields", "timeout": "TimeoutOptions", "fault": "FaultOptions", "header changes": "HeaderChanges", "pool fields": "PoolSpec", "tenant": "TenantSpec", "tenant limits": "TenantLimits",
		"expect request": "ExpectRequest", "expect outcome": "ExpectOutcome", "req fields": "Request", "tls": "TLS",
		"client certificate": "ClientCertificate", "res fields": "Response", "cookie": "Cookie", "info": "DoneInfo", "error": "Error",
		"keys options": "KeysOptions", "forward auth options": "ForwardAuthOptions", "forward auth cache": "ForwardAuthCache",
		"simulate request": "SimulateRequest", "simulate outcome": "Outcome", "json info": "JSONInfo",
		"limit options": "LimitOptions", "limit info": "LimitInfo", "concurrency options": "ConcurrencyOptions",
		"breaker": "Breaker", "split options": "SplitOptions", "split part": "SplitPart", "split cookie": "SplitCookie",
		"pool upstream": "PoolUpstream", "upstream": "Upstream", "upstream cookie": "UpstreamCookie", "mirror": "MirrorOptions", "try": "Try",
		"legacy request": "LegacyRequest", "legacy backend": "LegacyBackend", "legacy decision": "LegacyDecision",
	} {
		all[name] = block{docs: r.Class("luaroute." + class).Fields}
	}
	for name, class := range map[string]string{"http options": "Options", "http cache": "Cache", "http tls": "TLS", "http response": "Response"} {
		all[name] = block{docs: r.Class("http." + class).Fields}
	}
	all["limit methods"] = block{docs: r.Class("luaroute.Limit").Methods, before: "limit:"}
	all["up"] = block{docs: r.Class("luaroute.Upstreams").Methods, before: "up:"}
	all["concurrency methods"] = block{docs: r.Class("luaroute.Concurrency").Methods, before: "concurrency:"}
	for name, class := range map[string]string{"jwt issuer": "IssuerOptions", "jwt bearer": "BearerOptions", "jwt sign": "SignOptions"} {
		all[name] = block{docs: r.Class("jwt." + class).Fields}
	}
	all["jwt issuer methods"] = block{docs: r.Class("jwt.Issuer").Methods, before: "idp:"}
	all["req methods"] = block{docs: r.Class("luaroute.Request").Methods, before: "req:"}
	all["res methods"] = block{docs: r.Class("luaroute.Response").Methods, before: "res:"}
	return all
}

// write makes a part of a document.
func (b block) write(t *testing.T, name string) string {
	t.Helper()
	if b.list {
		if name == "globals" {
			name = "Globals"
		}
		return wrap(name+": "+b.names(), 150)
	}
	out := "| | |\n|---|---|\n"
	for i := 0; i < len(b.docs); {
		n := 1
		for i+n < len(b.docs) && b.docs[i+n].Text == b.docs[i].Text {
			n++
		}
		cell := ""
		if n == 1 {
			cell = "`" + b.call(t, b.docs[i]) + "`"
		} else {
			cell = "`" + strings.Join(namesOf(b.docs[i:i+n]), "`, `") + "`"
		}
		out += strings.TrimRight(fmt.Sprintf("| %s | %s ", cell, b.docs[i].Text), " ") + " |\n"
		i += n
	}
	return out
}

func namesOf(docs []vm.Doc) (names []string) {
	for _, doc := range docs {
		names = append(names, doc.Name)
	}
	return names
}

// names lists names, with what is said of them if that belongs there.
func (b block) names() string {
	var all []string
	for _, doc := range b.docs {
		text := "`" + doc.Name + "`"
		if b.texts && doc.Text != "" {
			text += " (" + doc.Text + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// call writes how a function is called: r:get(pattern, [options,] handler).
func (b block) call(t *testing.T, doc vm.Doc) string {
	t.Helper()
	if doc.Type != "" {
		if b.before != "" && !strings.HasSuffix(b.before, ":") {
			return b.before + doc.Name // of a library
		}
		return doc.Name
	}
	params, err := signature.Params(doc.Args)
	if err != nil {
		t.Fatal(err)
	}
	out, comma := "", ""
	for i, p := range params {
		name := p.Name
		if p.Type.Kind == signature.Union && len(p.Type.Of) == 2 && p.Type.Of[1].Kind == signature.List &&
			p.Type.Of[1].Of[0].String() == p.Type.Of[0].String() {
			name += " or list"
		}
		rest, _ := signature.Required(params[i+1:])
		switch {
		case name == signature.Variadic:
			out, comma = out+comma+"…", ", "
		case p.Optional && rest > 0:
			out, comma = out+comma+"["+name+",]", " "
		case p.Optional:
			out, comma = out+comma+"["+name+"]", ", "
		default:
			out, comma = out+comma+name, ", "
		}
	}
	return b.before + doc.Name + "(" + out + ")"
}

// wrap breaks a paragraph into lines.
func wrap(text string, width int) string {
	var out strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			out.WriteString("\n")
			column = 0
		default:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column += len(word)
	}
	return out.String() + "\n"
}

var mark = regexp.MustCompile(`^<!-- names: ([\w ]+) -->\n$`)

// made returns a document with the parts that are made of descriptions, and notes which those are.
func made(t *testing.T, text string, all map[string]block, used map[string]string, file string) string {
	t.Helper()
	var out strings.Builder
	skipping := false
	for line := range strings.Lines(text) {
		skipping = skipping && line != "\n"
		if !skipping {
			out.WriteString(line)
		}
		m := mark.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		b, ok := all[m[1]]
		switch {
		case !ok && file == configuration: // of keys of the JSON, which cmd/caddy compares
			continue
		case !ok:
			t.Errorf("%s: there are no descriptions of %s", file, m[1])
			continue
		case used[m[1]] != "":
			t.Errorf("%s is in %s and in %s", m[1], used[m[1]], file)
		}
		used[m[1]] = file
		out.WriteString(b.write(t, m[1]))
		skipping = true
	}
	return out.String()
}

// configuration is the document of the JSON, in which most tables are of types in Go.
const configuration = "configuration.md"

func TestTheTablesOfTheDocumentsAreThoseOfTheDescriptions(t *testing.T) {
	all, used := blocks(t), map[string]string{}
	config := map[string]block{"allow": {docs: reference.Build().Class("luaroute.TenantAllow").Fields}}
	for name, all := range map[string]map[string]block{"lua.md": all, "limits.md": all, "balance.md": all, "policies.md": all, "testing.md": all, "migration.md": all, "identity.md": all, configuration: config} {
		file := filepath.Join("../../docs", name)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := made(t, string(raw), all, used, name)
		if string(raw) == want {
			continue
		}
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		lines := strings.Split(want, "\n")
		for i, line := range strings.Split(string(raw), "\n") {
			if i >= len(lines) || line != lines[i] {
				t.Errorf("%s:%d is not what the code says; run go test ./luaroute/reference -update\nis   %s\nmust be %s", name, i+1, line, lines[min(i, len(lines)-1)])
				break
			}
		}
	}
	for name := range all {
		if used[name] == "" {
			t.Errorf("no document has %s", name)
		}
	}
}
