package jsonshape_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/jsonshape"
)

func TestFieldsStayGoAndGetNames(t *testing.T) {
	for _, c := range []struct {
		name    string
		options jsonshape.Options
		text    string
		want    string
	}{
		{"deny", jsonshape.Options{Deny: []string{"b", "c.d"}}, `{"a":1,"b":2,"c":{"d":3,"e":4}}`, `{"a":1,"c":{"e":4}}`},
		{"deny what is not there", jsonshape.Options{Deny: []string{"x.y"}}, `{"a":1,"x":2}`, `{"a":1,"x":2}`},
		{"deny twice the same name", jsonshape.Options{Deny: []string{"a"}}, `{"a":1,"b":2,"a":3}`, `{"b":2}`},
		{"deny a name that is written otherwise", jsonshape.Options{Deny: []string{"a"}}, `{"\u0061":1,"b":2}`, `{"b":2}`},
		{"deny in lists", jsonshape.Options{Deny: []string{"u.p"}}, `{"u":[{"p":1,"n":2},{"p":3},[{"p":4}],5]}`, `{"u":[{"n":2},{},[{}],5]}`},
		{"deny in a list at the root", jsonshape.Options{Deny: []string{"p"}}, `[{"p":1,"n":2}]`, `[{"n":2}]`},
		{"allow", jsonshape.Options{Allow: []string{"a", "c.d"}}, `{"a":1,"b":2,"c":{"d":3,"e":4}}`, `{"a":1,"c":{"d":3}}`},
		{"allow the whole and a part", jsonshape.Options{Allow: []string{"c.d", "c"}}, `{"c":{"d":3,"e":4},"f":5}`, `{"c":{"d":3,"e":4}}`},
		{"allow a part and the whole", jsonshape.Options{Allow: []string{"c", "c.d"}}, `{"c":{"d":3,"e":4},"f":5}`, `{"c":{"d":3,"e":4}}`},
		{"allow a part of what is no object", jsonshape.Options{Allow: []string{"c.d"}}, `{"c":"secret","f":5}`, `{}`},
		{"allow in lists", jsonshape.Options{Allow: []string{"u.n"}}, `{"u":[{"p":1,"n":2},"secret"]}`, `{"u":[{"n":2}]}`},
		{"allow in what has no fields", jsonshape.Options{Allow: []string{"a"}}, `"secret"`, `null`},
		{"rename", jsonshape.Options{Rename: map[string]string{"a": "x", "c.d": "y"}}, `{"a":1,"c":{"d":3}}`, `{"x":1,"c":{"y":3}}`},
		{"rename what is not allowed", jsonshape.Options{Allow: []string{"a"}, Rename: map[string]string{"b": "x", "a": "y"}}, `{"a":1,"b":2}`, `{"y":1}`},
		{"target", jsonshape.Options{Target: "data.items"}, `{"data":{"items":[1, 2]},"x":1}`, `[1, 2]`},
		{"a target that is not there", jsonshape.Options{Target: "data.items"}, `{"x":1}`, `{}`},
		{"a target in what is no object", jsonshape.Options{Target: "x.y"}, `{"x":1}`, `{}`},
		{"target, deny and group", jsonshape.Options{Target: "data", Deny: []string{"p"}, Group: "user"}, ` {"data":{"p":1,"n":2}} `, `{"user":{"n":2}}`},
		{"digits, escapes and order", jsonshape.Options{Deny: []string{"p"}}, `{"z":9007199254740993,"p":0,"a":1.10e+5,"s":"\u00e9<"}`, `{"z":9007199254740993,"a":1.10e+5,"s":"\u00e9<"}`},
	} {
		shape, err := jsonshape.New(c.options)
		if err != nil {
			t.Fatal(c.name, err)
		}
		got, err := shape.Apply([]byte(c.text))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v\nwant %s", c.name, got, err, c.want)
		}
	}
}

func TestATextThatIsNoJSONIsAnError(t *testing.T) {
	shape, err := jsonshape.New(jsonshape.Options{Deny: []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"p":1} {"p":2}`, `{"p":1}x`, strings.Repeat("[", 20) + strings.Repeat("]", 20)} {
		if got, err := shape.Apply([]byte(text)); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestWrongShapesSayWhatIsWrong(t *testing.T) {
	for want, o := range map[string]jsonshape.Options{
		"there are no changes":                 {},
		"allow and deny exclude each other":    {Allow: []string{"a"}, Deny: []string{"b"}},
		`deny: the path "a..b" has an empty`:   {Deny: []string{"a..b"}},
		`allow: the path "" has an empty`:      {Allow: []string{""}},
		`target: the path ".a" has an empty`:   {Target: ".a"},
		`rename: the new name of "a" is empty`: {Rename: map[string]string{"a": ""}},
	} {
		if _, err := jsonshape.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func FuzzWhatIsDeniedIsGone(f *testing.F) {
	f.Add(`{"p":1,"u":[{"p":2}]}`)
	f.Add(`[{"u":{"p":[1,{"p":2}]}}]`)
	shape, err := jsonshape.New(jsonshape.Options{Deny: []string{"p", "u.p"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := shape.Apply([]byte(text))
		if err != nil {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("%q became %q", text, got)
		}
		again, err := shape.Apply(got)
		if err != nil || string(again) != string(got) {
			t.Errorf("%q became %q and then %q", text, got, again)
		}
	})
}
