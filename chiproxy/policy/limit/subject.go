package limit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/key"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// subject is which requests a policy counts, as which key, and how it refuses them.
type subject struct {
	refusal
	at   origin.Origin
	key  *key.Key
	skip bool

	// KeyOf returns the key of a request, and whether it has one. Nil, it is what the options say.
	KeyOf func(*chiproxy.Exchange) (text string, has bool, err error)
	// When restricts the policy to the requests that all of the guards allow.
	When []chiproxy.Guard
}

func newSubject(name string, texts []string, ipv6 int, missing string, at origin.Origin) (subject, error) {
	k, err := parseKey(texts, ipv6)
	return subject{refusal: refusal{name: name}, at: at, key: k, skip: missing == MissingSkip}, err
}

// Name returns the name of the policy.
func (s *subject) Name() string { return s.name }

// Variables returns the names of the variables that the key reads.
func (s *subject) Variables() []string { return s.key.Variables() }

// keyRoom is enough for most keys while they are put together.
const keyRoom = 320

// keyOf appends the key of a request to dst, and reports whether the policy counts it.
func (s *subject) keyOf(ex *chiproxy.Exchange, dst []byte) (k []byte, counts bool, err error) {
	for _, guard := range s.When {
		if ok, err := guard.Allow(ex); !ok || err != nil {
			return nil, false, err
		}
	}
	if s.KeyOf == nil {
		k, complete := s.key.Append(dst, ex)
		return k, complete || !s.skip, nil
	}
	text, has, err := s.KeyOf(ex)
	if err != nil || !has && s.skip {
		return nil, false, err
	}
	return append(dst, short(text)...), true, nil
}

// short returns a key, or the hash of one that is too long.
func short(text string) string {
	if len(text) <= key.MaxLength {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// refusal is how a policy refuses requests.
type refusal struct {
	status int
	name   string
	logKey bool
	// answer is what it says itself; nil leaves that to those who answer errors.
	answer *static.Respond
}

// SetAnswer makes refusals say something themselves. The status of the answer is that of the policy.
func (r *refusal) SetAnswer(answer static.Respond) {
	answer.Status = r.status
	r.answer = &answer
}

// plain returns an answer of plain text, nil for an empty one.
func plain(status int, body string) *static.Respond {
	if body == "" {
		return nil
	}
	return &static.Respond{Status: status, Body: body}
}

// refuse ends a request.
func (r *refusal) refuse(ex *chiproxy.Exchange, key []byte, after time.Duration) (chiproxy.Verdict, error) {
	header := ex.W.Header()
	header["Retry-After"], header["Cache-Control"] = []string{strconv.FormatInt(max(1, Seconds(after)), 10)}, []string{"no-store"}
	ex.Becomes(telemetry.Limited)
	if ex.Refuse() == nil {
		r.logged(ex, key)
	}
	if r.answer != nil {
		return ex.Perform(*r.answer)
	}
	return chiproxy.Done, caddyhttp.Error(r.status, &failure.LimitError{Text: fmt.Sprintf("limit %s: %s", r.name, http.StatusText(r.status))})
}

// logged puts the refusal into the access log, if there is one.
func (r *refusal) logged(ex *chiproxy.Exchange, key []byte) {
	extra, ok := ex.R.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if !ok {
		return
	}
	line := logLine{name: r.name}
	if r.logKey {
		line.key = string(key)
	}
	extra.Add(zap.Inline(line))
}

// logLine is a refusal in the access log.
type logLine struct{ name, key string }

// MarshalLogObject writes the name, and the key if it may be seen.
func (l logLine) MarshalLogObject(to zapcore.ObjectEncoder) error {
	to.AddString("limit", l.name)
	if l.key != "" {
		to.AddString("limit_key", l.key)
	}
	return nil
}

// Seconds returns whole seconds, rounded up.
func Seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
