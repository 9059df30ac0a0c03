package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// Take takes from a budget, by one script. The clock is that of Redis.
func (r *Redis) Take(ctx context.Context, t kv.Take) (kv.Taken, error) {
	key := r.limitHead(t.Scope) + t.Key
	arguments := []string{
		strconv.FormatFloat(float64(t.Interval)/float64(time.Microsecond), 'f', -1, 64),
		strconv.FormatInt(t.Burst, 10), strconv.FormatInt(t.Cost, 10),
	}
	return call(ctx, r.client, key, func(c rueidis.Client, _ time.Time) (kv.Taken, error) {
		answer, err := take.Exec(context.Background(), c, []string{key}, arguments).AsIntSlice()
		if err != nil {
			return kv.Taken{}, err
		}
		if len(answer) != 4 {
			return kv.Taken{}, fmt.Errorf("the script answered %d numbers; expected 4", len(answer))
		}
		return kv.Taken{
			OK: answer[0] == 1, Remaining: answer[1],
			Reset:      time.Duration(answer[2]) * time.Microsecond,
			RetryAfter: time.Duration(answer[3]) * time.Microsecond,
		}, nil
	})
}
