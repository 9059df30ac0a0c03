// Package spelling guesses which name was meant.
package spelling

import (
	"fmt"
	"strings"
)

// Nearest returns the candidate that was most likely meant by a name, "" if none is like it.
func Nearest(name string, candidates []string) string {
	best, least := "", max(1, (len(name)+1)/3)+1
	for _, candidate := range candidates {
		if d := Distance(strings.ToLower(name), strings.ToLower(candidate), least); d < least && d < min(len(name), len(candidate)) && candidate != name {
			best, least = candidate, d
		}
	}
	return best
}

// Hint returns what a message adds for the nearest candidate.
func Hint(name string, candidates []string) string {
	if near := Nearest(name, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// Distance returns how many bytes must be inserted, removed, replaced or swapped with the next to make one text of another; most if it is
// that or more.
func Distance(a, b string, most int) int {
	if a == b {
		return 0
	}
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := row[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			next[j] = min(replaced, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return min(row[len(b)], most)
}
