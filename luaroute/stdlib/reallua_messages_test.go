package stdlib

import (
	"fmt"
	"strings"
)

// programs are what messageCorpus breaks.
var programs = []string{
	"local a , b = 1 , \"x\"\r if a == b then return { a , b = 2 ; [ 3 ] = 'y' } elseif not a then f ( a ) else a = - b end",
	"function t . f : m ( a , ... )\r local x = ...\r return x .. a , # a ^ 2\r end",
	"for i = 1 , 10 , 2 do\r print ( i ) while i < 3 do break end\r end",
	"for k , v in pairs ( t ) do repeat local y = k until y >= v\r end",
	"local function g ( ) return ( h { 1 , 2 } . x [ 'k' ] : m \"s\" )\r end g ( ) ;",
	"x = function ( ) y , z . w = 0x1F , 1e5\r end do local u end",
	"local s = [[ long\r text ]] -- comment\r return s or nil and true",
}

// pieces are what it puts in the place of others.
var pieces = []string{
	"=", "end", "then", "do", ")", "(", "{", "}", "[", "]", ",", ".", ":", "..", "...", "==", "~=", "<=", "local", "function", "return", "if",
	"else", "elseif", "until", "for", "in", "break", "nil", "and", "not", "name", "\"open", "'a\\300'", "'\\65\\n'", "3x", "0x", "1..2", "1e", "@", "$",
	"~", "!", "[==[", "[=", "--[=[", "#", "-", "5", "'s'", "\\", "\001", "9e999", "x y", "f(", "'a\rb'",
}

// messageCorpus returns the messages of texts that are no programs.
func messageCorpus(seed uint64, n int) []string {
	r := newSource(seed)
	corpus := make([]string, n)
	for i := range corpus {
		words := strings.Split(programs[r.IntN(len(programs))], " ")
		for range 1 + r.IntN(2) {
			at := r.IntN(len(words))
			switch r.IntN(4) {
			case 0:
				words = append(words[:at:at], words[at+1:]...)
			case 1:
				words = words[:at+1]
			case 2:
				words[at] = r.one(pieces...)
			default:
				words = append(append(words[:at:at], r.one(pieces...)), words[at:]...)
			}
		}
		corpus[i] = fmt.Sprintf("says(%s)", luaQuote(strings.Join(words, " ")))
	}
	return corpus
}
