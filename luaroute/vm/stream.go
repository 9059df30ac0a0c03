package vm

import "time"

// A stream may last for hours, so what it may use cannot be one budget from its beginning to its end. It is refilled by what is
// streamed: a script that keeps streaming has what it needs for the next piece, and one that stops streaming ends as any
// other. Turns protect others from an endless stream: it waits for them as soon as the allowance of its tenant is
// used up, see package fair. It waits without a limit: its status was sent, and waiting makes it slower, not wrong.

// fullPiece is how many bytes of a stream refill the whole budget.
const fullPiece = 4 << 10

// Refill restores the whole budget of a stream, for a piece from elsewhere that a function will get.
func (s *State) Refill() { s.budget.refill(fullPiece) }

// Streamed refills the budget by the bytes of a stream that the script itself has sent.
func (s *State) Streamed(bytes int) {
	if bytes > 0 {
		s.budget.refill(min(bytes, fullPiece))
	}
}

// refill restores the limits in proportion to so many bytes of a full piece. Memory is what the state holds, so there is nothing
// to restore, and logged lines stay logged. A simulated request, of explain or of a test, has no client that could end a stream by
// leaving, so it has one budget.
func (b *budget) refill(bytes int) {
	if b.ended != nil || b.state.Refuse != nil {
		return
	}
	part := func(limit time.Duration) time.Duration {
		return limit/fullPiece*time.Duration(bytes) + limit%fullPiece*time.Duration(bytes)/fullPiece
	}
	b.spent = max(b.spent-part(b.limits.CPU), 0)
	b.waited = max(b.waited-part(b.limits.Wall), 0)
	b.threads = max(b.threads-maxThreads*bytes/fullPiece, 0)
	b.streams = true
}
