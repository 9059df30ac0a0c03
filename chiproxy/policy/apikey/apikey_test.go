package apikey_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/apikey"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// many returns 100,000 consumers.
func many(t testing.TB) *apikey.Consumers {
	t.Helper()
	var b strings.Builder
	for n := range 100_000 {
		fmt.Fprintf(&b, `,{"name":"c%d","key":"a key of consumer %d"}`, n, n)
	}
	c, err := apikey.Parse([]byte("["+b.String()[1:]+"]"), false, apikey.JSON)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEachOfManyKeysIsThatOfItsConsumer(t *testing.T) {
	c := many(t)
	for _, n := range []int{0, 1, 99_999} {
		if got := c.Find(fmt.Sprintf("a key of consumer %d", n)); got == nil || got.ID() != fmt.Sprintf("c%d", n) {
			t.Errorf("the key of %d is that of %v", n, got)
		}
	}
	for _, key := range []string{"", "a key of consumer ", "a key of consumer 100000", strings.Repeat("a", 1<<20)} {
		if got := c.Find(key); got != nil {
			t.Errorf("%.20q is that of %s", key, got.ID())
		}
	}
	if allocs := testkit.Allocs(100, func() { c.Find("a key of consumer 7") }); allocs != 0 {
		t.Errorf("a lookup allocates %v times", allocs)
	}
}

func TestAListOfConsumersIsCheckedWhole(t *testing.T) {
	t.Parallel()
	const key = "a key of 16 bytes"
	for _, row := range []struct{ text, json, lua string }{
		{`{}`, `line 1: expected a list of consumers, such as [{"name":"ann","key":"…"}]`, `: expected a list of consumers, such as { { name = "ann", key = "…" } }`},
		{"[\n{\"name\": \"a\",}]", `line 2: invalid character '}' looking for beginning of object key string; expected a list of consumers, such as [{"name":"ann","key":"…"}]`, ""},
		{"[\n\n", `line 3: expected a list of consumers, such as [{"name":"ann","key":"…"}]`, ""},
		{"[\n] x", "line 2: there is more text after the list of consumers", ""},
		{`[{"key":"` + key + `"}]`, "[0].name: expected a string that is not empty", "[1].name: expected a string that is not empty"},
		{`[{"name":"a","key":7}]`, "[0].key: expected a string, or a list of strings", "[1].key: expected a string, or a list of strings"},
		{`[{"name":"a"}]`, "[0].key: expected a string, or a list of strings", "[1].key: expected a string, or a list of strings"},
		{`[{"name":"a","key":"short"}]`, "[0].key: found 5 bytes; allowed are 16 to 512", "[1].key: found 5 bytes; allowed are 16 to 512"},
		{`[{"name":"a","key":["` + key + `","x"]}]`, "[0].key[1]: found 1 bytes; allowed are 16 to 512", "[1].key[2]: found 1 bytes; allowed are 16 to 512"},
		{
			`[{"name":"a","key":"` + key + `"},{"name":"a","key":"another ` + key + `"}]`,
			`[1].name: "a" is that of [0], too; one consumer may have a list of keys`, `[2].name: "a" is that of [1], too; one consumer may have a list of keys`,
		},
		{`[{"name":"a","key":"` + key + `"},{"name":"b","key":["` + key + `"]}]`, `[1].key[0]: it is that of "a", too`, `[2].key[1]: it is that of "a", too`},
	} {
		for form, want := range map[apikey.Form]string{apikey.JSON: row.json, apikey.Lua: row.lua} {
			if _, err := apikey.Parse([]byte(row.text), false, form); err == nil || want != "" && err.Error() != want {
				t.Errorf("%s: got %v\nwant %s", row.text, err, want)
			}
		}
	}
}

func TestAnExplanationSaysWhoseAKeyIsAndNotTheKey(t *testing.T) {
	t.Parallel()
	from, err := credential.Parse("header:X-Api-Key", "")
	if err != nil {
		t.Fatal(err)
	}
	consumers, err := apikey.Parse([]byte(`[{"name":"ann","key":"a key that is secret"}]`), false, apikey.JSON)
	if err != nil {
		t.Fatal(err)
	}
	mw, err := apikey.New(apikey.Config{From: from, Consumers: consumers})
	if err != nil {
		t.Fatal(err)
	}
	table := policytest.Table(t, policytest.Answer(http.StatusOK), mw)
	for key, want := range map[string]string{"a key that is secret": "consumer ann", "a key that nobody knows": "refused: key is not known"} {
		steps := policytest.Explain(table, policytest.Request("GET", "/items/1", "X-Api-Key", key))
		if len(steps) != 1 || steps[0].Note != want {
			t.Errorf("the steps are %+v; want the note %q", steps, want)
		}
	}
}

func BenchmarkAKeyAmong100000(b *testing.B) {
	c := many(b)
	b.ReportAllocs()
	for b.Loop() {
		if c.Find("a key of consumer 4711") == nil {
			b.Fatal("not found")
		}
	}
}
