package vm

import "time"

// A stream may last for hours, so what it may use cannot be one budget from its beginning to its end. It is refilled by what is
// streamed: a script that streams on has what it needs for the next piece, and one that streams nothing any more ends as any
// other. What keeps an endless stream from its neighbours are turns, for which it waits as soon as the allowance of its tenant is
// used up, see package fair. It waits for as long as it takes: its status has left, and waiting makes it slower, not wrong.

// fullPiece is how many bytes of a stream refill the whole budget.
const fullPiece = 4 << 10

// Refill gives a stream its whole budget again, for a piece that somebody else has sent and that a function is to see.
func (s *State) Refill() { s.budget.refill(fullPiece) }

// Streamed refills the budget by the bytes of a stream that the script itself has sent.
func (s *State) Streamed(bytes int) {
	if bytes > 0 {
		s.budget.refill(min(bytes, fullPiece))
	}
}

// refill gives back that part of all limits which so many bytes are of a full piece. Memory is what the state holds, so there
// is nothing to give back, and the lines of a log are there for good. A request that is only explained, or that of a test, has no
// client whose patience would end a stream, so it has one budget.
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
