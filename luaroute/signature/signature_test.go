package signature_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/signature"
)

func TestATypeIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"string":                              "string",
		"luaroute.Request":                    "luaroute.Request",
		"string|number":                       "string|number",
		"string?":                             "string?",
		"string|nil":                          "string?",
		"string??":                            "string?",
		"any?":                                "any",
		"(string|number)?":                    "string|number|nil",
		"string|(number|nil)|string":          "string|number|nil",
		"(string|number)[]":                   "(string|number)[]",
		"string?[]":                           "string?[]",
		"string[][]":                          "string[][]",
		`"hex" | "raw"`:                       `"hex"|"raw"`,
		"table<string, string[]>":             "table<string, string[]>",
		"table":                               "table",
		"{ name: string, ttl?: number }":      "{name: string, ttl?: number}",
		"{[string]: string, n: number}":       "{[string]: string, n: number}",
		"{}":                                  "{}",
		"fun()":                               "fun()",
		"fun()?":                              "(fun())?",
		"(fun(): string)?":                    "(fun(): string)?",
		"fun(): string?":                      "fun(): string?",
		"fun(): string|number":                "fun(): string|number",
		"(fun(): string)|number":              "(fun(): string)|number",
		"number|fun(): string":                "number|(fun(): string)",
		"fun(): (string|number)[]":            "fun(): (string|number)[]",
		"fun(): (string)":                     "fun(): string",
		"fun(): (string? value, string? err)": "fun(): (string? value, string? err)",
		"fun(f: fun(): string, n?: number, ...: any): (fun(): boolean)": "fun(f: fun(): string, n?: number, ...: any): fun(): boolean",
		"fun(): (...: string)": "fun(): (...: string)",
	} {
		for range 2 {
			got, err := signature.Parse(text)
			if err != nil || got.String() != want {
				t.Errorf("%s: got %v, %v; want %s", text, got, err, want)
			}
			text = want
		}
	}
}

func TestParametersAndResultsAreWrittenAsTheyAreRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "text: string, init?: number", "format: string, ...: any", "pattern: string, options?: A.B, handler: fun(req: R): string?",
		"k: string, by?: number, opts?: {init?: number, ttl?: number}",
	} {
		params, err := signature.Params(text)
		if err != nil || signature.Join(params) != text {
			t.Errorf("%q: got %q, %v", text, signature.Join(params), err)
		}
	}
	for _, text := range []string{"", "string", "number? value, string? err", "number first, number last, ...: string"} {
		results, err := signature.Results(text)
		if err != nil || signature.JoinResults(results) != text {
			t.Errorf("%q: got %q, %v", text, signature.JoinResults(results), err)
		}
	}
}

func TestAnErrorSaysWhereWhatWasFoundAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"k string":            `signature "k string": byte 3: found "string"; expected ":"`,
		"k: ":                 `signature "k: ": byte 4: found its end; expected a type`,
		"k: string,":          `signature "k: string,": byte 11: found its end; expected a name`,
		"k: string b: string": `signature "k: string b: string": byte 11: found "b: string"; expected ","`,
		"k: string, k: any":   `signature "k: string, k: any": byte 13: found ": any"; expected another name than "k", which is there already,`,
		"...: any, k: string": `signature "...: any, k: string": byte 9: found ", k: string"; expected nothing behind ...`,
		"k: {a: string":       `signature "k: {a: string": byte 14: found its end; expected "}"`,
		"k: \"hex":            `signature "k: \"hex": byte 4: found "\"hex"; expected a text that ends with a quote`,
		"k: luaroute.":        `signature "k: luaroute.": byte 13: found its end; expected a name behind the dot`,
		"k: table<string>":    `signature "k: table<string>": byte 16: found ">"; expected ","`,
		"k: string)":          `signature "k: string)": byte 10: found ")"; expected ","`,
	} {
		_, err := signature.Params(text)
		var failed *signature.Error
		if !errors.As(err, &failed) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	for _, deep := range []string{strings.Repeat("(", 100), strings.Repeat("{a: ", 100), strings.Repeat("fun(): ", 100), "string" + strings.Repeat("[]", 100)} {
		if _, err := signature.Parse(deep); err == nil || !strings.Contains(err.Error(), "at most 50 types in one another") {
			t.Errorf("%.20s…: got %v", deep, err)
		}
	}
}

func TestParametersThatMayBeLeftOutMakeRoomForThoseBehind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		params      string
		least, most int
		given       [][]string // by the number of arguments
	}{
		{"", 0, 0, [][]string{{}, {}}},
		{"a: any", 1, 1, [][]string{{}, {"a"}, {"a"}}},
		{"a: any, b?: any", 1, 2, [][]string{{}, {"a"}, {"a", "b"}}},
		{"a: any, b?: any, c: any", 2, 3, [][]string{{}, {"a"}, {"a", "c"}, {"a", "b", "c"}}},
		{"a: any, b?: any, c: any, d?: any", 2, 4, [][]string{{}, {"a"}, {"a", "c"}, {"a", "b", "c"}, {"a", "b", "c", "d"}}},
		{"a: any, ...: any", 1, -1, [][]string{{}, {"a"}, {"a", "..."}, {"a", "...", "..."}}},
	} {
		params, err := signature.Params(row.params)
		if err != nil {
			t.Fatal(err)
		}
		if least, most := signature.Required(params); least != row.least || most != row.most {
			t.Errorf("%s: takes %d to %d; want %d to %d", row.params, least, most, row.least, row.most)
		}
		for n, want := range row.given {
			got := []string{}
			for _, p := range signature.Arrange(params, n) {
				got = append(got, p.Name)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s with %d arguments: got %v, want %v", row.params, n, got, want)
			}
		}
	}
}

func TestTheNamesInATypeAreThoseOfClasses(t *testing.T) {
	t.Parallel()
	parsed, err := signature.Parse(`A|"x"|nil|string|B.C[]|table<D, any>|{f: E, [F]: number}|fun(g: G): (H h, I)`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	parsed.Names(func(name string) { got = append(got, name) })
	if want := "A B.C D E F G H I"; strings.Join(got, " ") != want || !parsed.Nilable() {
		t.Errorf("got %v, want %s", got, want)
	}
}

func FuzzWhatIsReadReadsTheSameAgain(f *testing.F) {
	for _, seed := range []string{
		"a: string, b?: (number|string)[]", "x: fun(a: {b?: table<string, C.D>}, ...: any): (string? v, ...: any)", `k: "a"|"b"?`, "f: (fun())?",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		params, err := signature.Params(text)
		if err != nil {
			return
		}
		again, err := signature.Params(signature.Join(params))
		if err != nil || !reflect.DeepEqual(params, again) {
			t.Fatalf("%q is %q, which is %q, %v", text, signature.Join(params), signature.Join(again), err)
		}
		least, most := signature.Required(params)
		if most >= 0 && (least > most || len(signature.Arrange(params, most)) != len(params)) {
			t.Fatalf("%q: takes %d to %d", text, least, most)
		}
	})
}
