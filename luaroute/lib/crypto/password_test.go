package crypto_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/luaroute/caddy-luaroute/internal/password"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// The argon2id hash is one of the reference implementation: its test of version 19 with m = 256, t = 2, p = 1.
const referenceHash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

func TestAPasswordMatchesItsHash(t *testing.T) {
	t.Parallel()
	crypted := string(must(bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)))
	world.Check(t, [][3]string{
		{"its own", `(function() local h = crypto.password("secret") return crypto.password_matches("secret", h), crypto.password_matches("Secret", h) end)()`, "true false"},
		{"the form", `crypto.password("secret"):match("^(%$argon2id%$v=19%$m=19456,t=2,p=1%$)[%w+/]+%$[%w+/]+$")`, "$argon2id$v=19$m=19456,t=2,p=1$"},
		{"no two are the same", `crypto.password("x") == crypto.password("x")`, "false"},
		{"the reference implementation's", `crypto.password_matches("password", "` + referenceHash + `"), crypto.password_matches("passwort", "` + referenceHash + `")`, "true false"},
		{"bcrypt", `crypto.password_matches("secret", "` + crypted + `"), crypto.password_matches("secre", "` + crypted + `")`, "true false"},
		{"bcrypt as PHP writes it", `crypto.password_matches("secret", "` + strings.Replace(crypted, "$2a$", "$2y$", 1) + `")`, "true"},
		{"an empty password", `crypto.password_matches("", "` + referenceHash + `")`, "false"},
		{"more than bcrypt reads", `crypto.password_matches(("x"):rep(73), "` + crypted + `")`, "nil the password has 73 bytes; bcrypt reads 72"},
		{"a very long password", `crypto.password_matches(("x"):rep(1025), "` + crypted + `")`, "nil the password has 1025 bytes; allowed are 1024"},
		{"a hash that costs minutes", `crypto.password_matches("x", "$2a$31$` + crypted[7:] + `")`, "nil the bcrypt hash has a cost of 31; allowed are 14"},
		{
			"one that costs much memory", `crypto.password_matches("x", "$argon2id$v=19$m=65537,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg")`,
			"nil the argon2id hash has the costs m=65537,t=1,p=1; allowed are m=65536,t=10,p=4",
		},
		{
			"one that costs much time", `crypto.password_matches("x", "$argon2id$v=19$m=8,t=4294967295,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg")`,
			"nil the argon2id hash has the costs m=8,t=4294967295,p=1; allowed are m=65536,t=10,p=4",
		},
		{"a text as hash", `crypto.password_matches("x", "x")`, "nil the hash is of no known kind; allowed are $argon2id$, $2a$, $2b$ and $2y$"},
		{"argon2i", `crypto.password_matches("x", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA")`, "nil the hash is of no known kind; allowed are $argon2id$, $2a$, $2b$ and $2y$"},
		{"a long hash", `crypto.password_matches("x", ("x"):rep(513))`, "nil the hash has 513 bytes; allowed are 512"},
		{"no bcrypt hash", `crypto.password_matches("x", "$2a$x")`, "nil the hash is no bcrypt hash"},
	})
	for _, hash := range []string{
		"$argon2id$", "$argon2id$v=18$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg", "$argon2id$v=19$m=8,t=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg",
		"$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg", "$argon2id$v=19$m=8,t=1,p=0$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg",
		"$argon2id$v=19$m=8,t=1,p=1$$nf65EOgLrQMR/uIPnA4rEg", "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=+8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg",
		"$argon2id$v=19$m=8,t=1,p=1,x=2$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg", "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg$",
	} {
		got, err := world.Eval(t, `crypto.password_matches("x", "`+hash+`")`)
		if want := "nil the hash is no argon2id hash of the form $argon2id$v=19$m=19456,t=2,p=1$salt$hash"; err != nil || got != want {
			t.Errorf("%s: got %s, %v", hash, got, err)
		}
	}
}

// takeSlot takes a slot of those that hash passwords, and returns what gives it back.
func takeSlot() func() {
	password.Slots <- struct{}{}
	return func() { <-password.Slots }
}

// It is not parallel: it takes both slots.
func TestAPasswordWaitsForOneOfTwoSlotsWithinTheLimitForWaiting(t *testing.T) {
	for _, call := range []string{`crypto.password("x")`, `crypto.password_matches("password", "` + referenceHash + `")`} {
		one := takeSlot()
		if _, err := world.Eval(t, call); err != nil {
			t.Errorf("%s beside one: %v", call, err)
		}
		other := takeSlot()
		s, ref := world.State(t, `keep(function() `+call+` end)`)
		s.Arm(vm.Limits{CPU: time.Minute, Wall: 20 * time.Millisecond}, t.Context())
		if err := s.Call(s.Func(ref), 0); !errors.Is(err, vm.ErrBudget) {
			t.Errorf("%s beside two: got %v, want the end of the budget", call, err)
		}
		one()
		other()
	}
}
