// Package selection checks names of reverse_proxy's selection policies; its errors list the existing ones.
package selection

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

const namespace = "http.reverse_proxy.selection_policies"

// Check reports an unknown policy: its error lists the existing ones, and suggests the most likely one.
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

// distance returns the edit distance of two words.
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
