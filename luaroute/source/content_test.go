package source

import (
	"context"
	"testing"
	"time"
)

func TestContentIsReadAgainUnlessItsTimeSaysThatItIsTheSame(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		time    time.Time
		noticed bool
	}{
		"with a time that stays the same, it is the same": {time.Unix(1, 0), false},
		"without a time, nothing is known":                {time.Time{}, true},
	} {
		text := "1"
		c := &content{
			stat: func(context.Context) (mark, error) { return mark{size: 1, time: row.time}, nil },
			read: func(context.Context) ([]byte, error) { return []byte(text), nil },
		}
		before := c.stamp(t.Context())
		c.since = c.since.Add(-settles) // it was so for long enough
		if c.stamp(t.Context()) != before {
			t.Errorf("%s: the stamp changes by itself", name)
		}
		text = "2"
		if got := c.stamp(t.Context()) != before; got != row.noticed {
			t.Errorf("%s: a change is noticed: %v, expected %v", name, got, row.noticed)
		}
	}
}
