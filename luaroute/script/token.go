package script

import "fmt"

// token is a kind of token: a byte that stands for itself, or one of the constants.
type token int

const (
	tokenAnd token = iota + 257
	tokenBreak
	tokenDo
	tokenElse
	tokenElseif
	tokenEnd
	tokenFalse
	tokenFor
	tokenFunction
	tokenIf
	tokenIn
	tokenLocal
	tokenNil
	tokenNot
	tokenOr
	tokenRepeat
	tokenReturn
	tokenThen
	tokenTrue
	tokenUntil
	tokenWhile
	tokenConcat
	tokenDots
	tokenEqual
	tokenGreaterEqual
	tokenLessEqual
	tokenNotEqual
	tokenLabel
	tokenNumber
	tokenName
	tokenString
	tokenEnds
)

// tokenTexts are the tokens of more than a byte, as messages quote them.
var tokenTexts = [...]string{
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not", "or", "repeat",
	"return", "then", "true", "until", "while", "..", "...", "==", ">=", "<=", "~=", "::", "<number>", "<name>", "<string>", "<eof>",
}

// keywords are the reserved words.
var keywords = func() map[string]token {
	words := map[string]token{}
	for t := tokenAnd; t <= tokenWhile; t++ {
		words[t.String()] = t
	}
	return words
}()

func (t token) String() string {
	switch {
	case t >= tokenAnd:
		return tokenTexts[t-tokenAnd]
	case t < ' ' || t == 127:
		return fmt.Sprintf("char(%d)", int(t))
	}
	return string([]byte{byte(t)})
}
