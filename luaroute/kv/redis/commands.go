package redis

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// escaped escapes the names of an instance and of a tenant in keys.
var escaped = strings.NewReplacer("%", "%25", ":", "%3A")

// head returns what all keys of a scope begin with.
func (r *Redis) head(s kv.Scope) string {
	return r.Prefix + ":" + escaped.Replace(s.Instance) + ":" + escaped.Replace(s.Tenant) + ":"
}

// limitHead is the head of budgets, which scripts do not see as values. No instance has such a name, escaped.
func (r *Redis) limitHead(s kv.Scope) string {
	return r.Prefix + ":%limit:" + escaped.Replace(s.Instance) + ":" + escaped.Replace(s.Tenant) + ":"
}

// commandOf returns what performs an operation: one command or one script on one key. It keeps copies only, since it may be at work when
// the caller has left. No value that it reads is larger than most.
func commandOf(op kv.Op, head string, most int64) command[kv.Result] {
	key, value := head+op.Key, string(op.Value)
	// Commands carry no deadline: the caller leaves by itself, and rueidis would end the connection, with the calls of others.
	ctx := context.Background()
	switch op.Kind {
	case kv.Get:
		script, read := get, lone
		if op.WithTTL {
			script, read = getWithTTL, lasting
		}
		return func(c rueidis.Client, _ time.Time) (kv.Result, error) {
			answer, err := script.Exec(ctx, c, []string{key}, []string{strconv.FormatInt(most, 10)}).ToMessage()
			if rueidis.IsRedisNil(err) {
				return kv.Result{}, nil
			}
			if err != nil {
				return kv.Result{}, err
			}
			if answer.IsInt64() {
				length, err := answer.AsInt64()
				return kv.Result{}, cmp.Or(err, tooLarge(length, most))
			}
			return read(&answer)
		}
	case kv.Set, kv.Add, kv.Replace:
		arguments := append([]string{value}, conditions(op)...)
		return func(c rueidis.Client, _ time.Time) (kv.Result, error) {
			err := c.Do(ctx, c.B().Arbitrary("SET").Keys(key).Args(arguments...).Build()).Error()
			if rueidis.IsRedisNil(err) {
				return kv.Result{}, nil
			}
			return kv.Result{OK: true}, err
		}
	case kv.CompareAndSwap:
		if !op.HasOld && op.HasValue {
			op.Kind = kv.Add
			return commandOf(op, head, most)
		}
		arguments := []string{digit(op.HasOld), string(op.Old), digit(op.HasValue), value, milliseconds(op.TTL)}
		return truth(func(c rueidis.Client) rueidis.RedisResult {
			return compareAndSwap.Exec(ctx, c, []string{key}, arguments)
		})
	case kv.Increment:
		arguments := []string{decimal(op.By), decimal(op.Init), milliseconds(op.TTL)}
		return func(c rueidis.Client, _ time.Time) (kv.Result, error) {
			return incremented(increment.Exec(ctx, c, []string{key}, arguments))
		}
	case kv.Delete:
		return truth(func(c rueidis.Client) rueidis.RedisResult { return c.Do(ctx, c.B().Del().Key(key).Build()) })
	case kv.Expire:
		if op.TTL == 0 {
			return truth(func(c rueidis.Client) rueidis.RedisResult { return persist.Exec(ctx, c, []string{key}, nil) })
		}
		ms := milliseconds(op.TTL)
		return truth(func(c rueidis.Client) rueidis.RedisResult {
			return c.Do(ctx, c.B().Arbitrary("PEXPIRE").Keys(key).Args(ms).Build())
		})
	case kv.TTL:
		return func(c rueidis.Client, _ time.Time) (kv.Result, error) {
			return left(c.Do(ctx, c.B().Pttl().Key(key).Build()).AsInt64())
		}
	case kv.Keys:
		limit := op.Limit
		return func(c rueidis.Client, deadline time.Time) (kv.Result, error) {
			return keys(ctx, c, deadline, head, key, limit)
		}
	}
	return nil
}

// conditions returns the arguments of SET after the value.
func conditions(op kv.Op) (arguments []string) {
	switch op.Kind {
	case kv.Add:
		arguments = append(arguments, "NX")
	case kv.Replace:
		arguments = append(arguments, "XX")
	}
	if op.TTL > 0 {
		arguments = append(arguments, "PX", milliseconds(op.TTL))
	}
	return arguments
}

// truth makes a command of one that answers 1 or 0.
func truth(do func(rueidis.Client) rueidis.RedisResult) command[kv.Result] {
	return func(c rueidis.Client, _ time.Time) (kv.Result, error) {
		n, err := do(c).AsInt64()
		return kv.Result{OK: n != 0}, err
	}
}

// incremented reads the answer of increment.
func incremented(answer rueidis.RedisResult) (kv.Result, error) {
	text, err := answer.ToString()
	if rueidis.IsRedisNil(err) || err != nil && failure(err).Err == errForeign {
		return kv.Result{}, errNotNumber
	}
	if err != nil {
		return kv.Result{}, err
	}
	sum, err := strconv.ParseFloat(text, 64)
	return kv.Result{OK: true, Number: sum}, err
}

// left reads the answer of PTTL.
func left(ms int64, err error) (kv.Result, error) {
	switch {
	case err != nil || ms == -2: // there is none
		return kv.Result{}, err
	case ms == -1: // forever
		return kv.Result{OK: true}, nil
	default:
		return kv.Result{OK: true, TTL: max(1, time.Duration(ms)) * time.Millisecond}, nil
	}
}

// lone reads the value that get answers.
func lone(answer *rueidis.RedisMessage) (kv.Result, error) {
	value, err := answer.AsBytes()
	return kv.Result{OK: true, Value: value}, err
}

// lasting reads the value that getWithTTL answers.
func lasting(answer *rueidis.RedisMessage) (kv.Result, error) {
	pair, err := answer.ToArray()
	if err == nil && len(pair) != 2 {
		err = fmt.Errorf("the script answered %d values; expected 2", len(pair))
	}
	if err != nil {
		return kv.Result{}, err
	}
	result, err := left(pair[1].AsInt64())
	if err == nil {
		result.OK = true // also in its last moment
		result.Value, err = pair[0].AsBytes()
	}
	return result, err
}

// page is how many keys Redis looks at in one step of a SCAN.
const page = 1000

// keys lists keys that begin with a prefix, without the head, of all nodes. It stops before the deadline and then says that there are more.
func keys(ctx context.Context, c rueidis.Client, deadline time.Time, head, prefix string, limit int) (kv.Result, error) {
	enough := deadline.Add(-time.Until(deadline) / 4)
	found := map[string]bool{} // SCAN repeats itself, and replicas are nodes, too
	more := false
	for _, node := range c.Nodes() {
		for cursor := uint64(0); ; {
			entry, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(literal.Replace(prefix)+"*").Count(page).Build()).AsScanEntry()
			if err != nil {
				return kv.Result{}, err
			}
			for _, key := range entry.Elements {
				found[strings.TrimPrefix(key, head)] = true
			}
			if cursor = entry.Cursor; cursor == 0 {
				break
			}
			if len(found) > limit || time.Now().After(enough) {
				more = true
				break
			}
		}
	}
	list := slices.Sorted(maps.Keys(found))
	if len(list) > limit {
		list, more = list[:limit], true
	}
	return kv.Result{Keys: list, OK: more}, nil
}

// literal escapes what means something in a pattern of Redis.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// milliseconds returns how long a value lives, rounded up, as Redis reads it.
func milliseconds(d time.Duration) string {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return strconv.FormatInt(int64(ms), 10)
}

// decimal writes a number so that Lua reads the same.
func decimal(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }

func digit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
