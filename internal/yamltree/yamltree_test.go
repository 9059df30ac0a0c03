package yamltree_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/luaroute/caddy-luaroute/internal/yamltree"
)

func TestJSONIsReadAsItsOwnRulesSay(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"{\n\t\"a\":\t\"b\"}":             "b",
		`{"a": "\ud83d\ude00 caf\u00e9"}`: "\U0001F600 caf\u00e9",
		`{"a": "\\ud83d\\ude00"}`:         `\ud83d\ude00`,
		`{"a": "\ud83d alone"}`:           "\ufffd alone",
		`{"a": "\ud83dx\u0041"}`:          "\ufffdxA",
		`{"a": "\/\"\n"}`:                 "/\"\n",
	} {
		document, err := yamltree.Document(strings.NewReader(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := document.Content[1].Value; got != want {
			t.Errorf("%s is read as %q; want %q", in, got, want)
		}
	}
}

func TestAFileThatStandsForTooMuchIsAnError(t *testing.T) {
	t.Parallel()
	in := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		at := string(rune('0' + i))
		in += "a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.TrimSuffix(strings.Repeat("*a"+at+", ", 10), ", ") + "]\n"
	}
	document, err := yamltree.Document(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	r := &yamltree.Reader{}
	var walk func(node *yaml.Node) error
	walk = func(node *yaml.Node) error {
		if node.Kind != yaml.SequenceNode {
			return nil
		}
		return r.Items(node, "a list", walk)
	}
	err = r.Fields(document, "the file", func(_ string, node *yaml.Node) error { return walk(node) })
	if err == nil || !strings.Contains(err.Error(), "stands for too much") {
		t.Errorf("the error is %v", err)
	}
}
