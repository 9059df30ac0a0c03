package json_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestWhatIsNotTouchedIsEncodedAsItWasRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"id":9007199254740993}`, `[12345678901234567890,-9223372036854775808,18446744073709551615]`, `{"a":1.0,"b":1e2,"c":-0,"d":0.10,"e":1E+5}`,
		`[3.14159265358979323846264338327950288]`, `{"a":{"b":[{"c":9007199254740993}]}}`, `["\ud800","a\udc00b"]`, "[\"\xff\"]", `[9007199254740992,9007199254740993]`,
		`{"e":[],"n":null,"o":{}}`, `[1e308,5e-324,0.1,1,-1]`,
	} {
		for _, options := range []string{"", ", { big = 'string' }"} {
			got, err := world.Eval(t, fmt.Sprintf("json.encode(json.decode(%s%s))", quoted(text), options))
			if err != nil || got != text {
				t.Errorf("%s%s: got %s, %v", text, options, got, err)
			}
		}
	}
}

func TestAnyNumberKeepsItsDigits(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		var b strings.Builder
		b.WriteByte("123456789"[random.IntN(9)])
		for range n {
			b.WriteByte("0123456789"[random.IntN(10)])
		}
		return b.String()
	}
	var numbers []string
	for range 2000 {
		n := digits(random.IntN(24))
		switch random.IntN(4) {
		case 0:
			n = "-" + n
		case 1:
			n += "." + digits(random.IntN(20))
		case 2:
			n += "e" + strconv.Itoa(random.IntN(200))
		}
		numbers = append(numbers, n)
	}
	text := "[" + strings.Join(numbers, ",") + "]"
	got, err := world.Eval(t, "json.encode(json.decode("+quoted(text)+"))")
	if err != nil || got != text {
		t.Errorf("%v, got\n%s\nof\n%s", err, got, text)
	}
}

func TestWhatIsTouchedIsEncodedAsItIs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ expression, want string }{
		{"(function() local v = json.decode('{\"id\":9007199254740993,\"n\":1.0}') v.id = 5 v.n = v.n + 1 return json.encode(v) end)()", `{"id":5,"n":2}`},
		{"(function() local v = json.decode('[1.0,2.0]') v[1], v[2] = v[2], v[1] return json.encode(v) end)()", `[2,1]`},
		{"(function() local v = json.decode('{\"id\":9007199254740993}', { big = 'string' }) return v.id end)()", "9007199254740993"},
		{"(function() local v = json.decode('{\"id\":9007199254740993}', { big = 'string' }) return json.encode({ v.id }) end)()", `["9007199254740993"]`},
		{"type(json.decode('9007199254740991', { big = 'string' })), type(json.decode('-9007199254740993', { big = 'string' }))", "number string"},
		{"type(json.decode('1e300', { big = 'string' }))", "number"},
		{"(function() local v = setmetatable(json.decode('{\"a\":1.0}'), { __index = { b = 2 } }) return v.b end)()", "2"},
		{"(function() local v = json.decode('[1.0]') table.remove(v) return json.encode(v) end)()", "[]"},
		{"getmetatable(json.decode('[1.0]'))", "json.array"},
		{"#json.decode('[1.0]')", "1"},
	} {
		if got, err := world.Eval(t, row.expression); err != nil || got != row.want {
			t.Errorf("%s: got %s, %v, want %s", row.expression, got, err, row.want)
		}
	}
	for _, options := range []string{"{ big = 'number' }", "{ large = 'string' }", "{ 1 }"} {
		if _, err := world.Eval(t, "json.decode('1', "+options+")"); err == nil || !strings.Contains(err.Error(), `expected { big = "string" }`) {
			t.Errorf("%s: got %v", options, err)
		}
	}
}

// quoted is a text in Lua.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(text) {
		fmt.Fprintf(&b, `\%03d`, text[i])
	}
	b.WriteByte('\'')
	return b.String()
}
