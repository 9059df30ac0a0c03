// Package selection knows the selection policies of reverse_proxy by name, for errors that say which there are.
package selection

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

const namespace = "http.reverse_proxy.selection_policies"

// Check reports a policy that there is not: its error lists those that there are, and names the one that was meant, most likely.
func Check(name string) error {
	if _, err := caddy.GetModule(namespace + "." + name); err == nil {
		return nil
	}
	var names []string
	for _, m := range caddy.GetModules(namespace) {
		names = append(names, m.ID.Name())
	}
	hint := ""
	if meant := closest(name, names); meant != "" {
		hint = fmt.Sprintf("; did you mean %q?", meant)
	}
	return fmt.Errorf("unknown lb_policy %q; allowed are %s%s", name, strings.Join(names, ", "), hint)
}

// CheckJSON is Check for the policies that the JSON of one names: itself, and its fallback. It leaves all else to Caddy.
func CheckJSON(raw json.RawMessage) error {
	var policy struct {
		Policy   string
		Fallback json.RawMessage
	}
	if json.Unmarshal(raw, &policy) != nil || policy.Policy == "" {
		return nil
	}
	if err := Check(policy.Policy); err != nil {
		return err
	}
	return CheckJSON(policy.Fallback)
}

// closest returns the word that name was meant to be, or "" if it looks like none.
func closest(name string, words []string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	found, best := "", len(name)/2+1
	for _, word := range words {
		edits := distance(name, word)
		if len(name) > 2 && (strings.HasPrefix(word, name) || strings.HasPrefix(name, word)) {
			edits = min(edits, 1)
		}
		if edits < best {
			found, best = word, edits
		}
	}
	return found
}

// distance returns how many letters have to be changed, put in or taken out to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
