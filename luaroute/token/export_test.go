package token

import "time"

// Times returns when the keys were fetched, when they are due, and when the last fetch began.
func (r *Remote) Times() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []time.Time{r.fetched, r.due, r.began}
}
