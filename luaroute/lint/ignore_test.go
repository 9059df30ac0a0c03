package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
)

func TestACommentHasTheFindingsOfItsLineIgnored(t *testing.T) {
	t.Parallel()
	const found = `global "x" is assigned; write local x, unless another script of the tenant reads it`
	for code, want := range map[string][]string{
		"x = 1 -- luaroute: ignore":                                        nil,
		"x = 1 --luaroute:ignore global":                                   nil,
		"x = 1 -- luaroute: ignore global, request-global: it is read":     {"1: there is no request-global to ignore"},
		"-- luaroute: ignore\nx = 1":                                       nil,
		"-- luaroute: ignore global\nx = 1\nx = 2":                         {"3: " + found},
		"  -- luaroute: ignore unknown-field\nx = 1":                       {"1: there is no unknown-field to ignore", "2: " + found},
		"local y = 1 -- luaroute: ignore":                                  {"1: there is nothing to ignore"},
		"x = 1 -- luaroute: ignore glob":                                   {"1: " + found, `1: there is no kind of findings "glob"`},
		"x = 1 -- luaroute: ignore globl":                                  {"1: " + found, `1: there is no kind of findings "globl"; did you mean "global"?`},
		"x = '-- luaroute: ignore'":                                        {"1: " + found},
		"x = [[\n-- luaroute: ignore\n]]":                                  {"1: " + found},
		"x = 1 --[[ luaroute: ignore ]]":                                   {"1: " + found},
		"x = 1 -- luaroute: ignored":                                       {"1: " + found},
		"#!/usr/bin/lua\nlocal y = [==[\n\n]==] x = y -- luaroute: ignore": nil,
	} {
		if got := warningsOf(t, code); !slices.Equal(got, want) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", code, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestAColumnCountsCharacters(t *testing.T) {
	t.Parallel()
	var s lint.Scripts
	if _, err := s.Add("main.lua", []byte("local a = 'äöü' x = 1")); err != nil {
		t.Fatal(err)
	}
	if got := s.Findings(); len(got) != 1 || got[0].Line != 1 || got[0].Column != 17 {
		t.Errorf("got %+v", got)
	}
}

func TestEachKindHasANameOfItsOwnAndALevel(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, kind := range lint.Kinds {
		if seen[kind.Name] || kind.Text == "" || !slices.Contains([]lint.Level{lint.Error, lint.Warn, lint.Note}, kind.Level) {
			t.Errorf("got %+v", kind)
		}
		seen[kind.Name] = true
	}
}
