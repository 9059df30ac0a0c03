package pieces_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/pieces"
)

func TestOthersMayRunAfterEachPiece(t *testing.T) {
	t.Parallel()
	yields := 0
	work := pieces.Work{Yield: func() { yields++ }}
	for i := range 10 * pieces.Size {
		if want := i / pieces.Size; yields != want {
			t.Fatalf("others ran %d times in %d steps, want %d", yields, i, want)
		}
		work.Step()
	}
	new(pieces.Work).Step()
}
