package kv_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

func TestTextIsItsOwnValueUnlessItLooksLikeAnother(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "on": "on", "5": "5", "\x01": "\x01\x01", "\x015": "\x01\x015", "\x01\x01": "\x01\x01\x01", "\xff": "\xff"} {
		value := kv.AppendText(nil, text)
		content, json := kv.Content(value)
		if string(value) != want || string(content) != text || json {
			t.Errorf("%q: the value is %q, its content %q, JSON %v", text, value, content, json)
		}
	}
	if content, json := kv.Content(kv.AppendJSON(nil, []byte("[1]"))); string(content) != "[1]" || !json {
		t.Errorf("got %q, %v", content, json)
	}
}
