package token_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/token"
)

// The keys of RFC 7520, figures 1, 3 and 5, and of RFC 8037, appendix A.2.
const (
	hobbitRSA = `{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT` +
		`-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E` +
		`6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQ` +
		`kqgc5gHdrNP5zw","e":"AQAB"}`
	hobbitEC = `{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521",` +
		`"x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",` +
		`"y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}`
	hobbitSecret = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"
	ed25519JWK   = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
)

const (
	hobbitHeader = "ImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." // but for the algorithm
	hobbitText   = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVl" +
		"dCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4."
)

// The payloads of the standards are no claims. So a good signature is one after which a token is malformed, and not one of a wrong signature.
func TestTheSignaturesOfTheStandardsAreGood(t *testing.T) {
	t.Parallel()
	secret, err := base64.RawURLEncoding.DecodeString(hobbitSecret)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, algorithm, key, text string }{
		{
			"RFC 7520, 4.1", "RS256", hobbitRSA, "eyJhbGciOiJSUzI1NiIs" + hobbitHeader + hobbitText +
				"MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
		},
		{
			"RFC 7520, 4.2", "PS384", hobbitRSA, "eyJhbGciOiJQUzM4NCIs" + hobbitHeader + hobbitText +
				"cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
		},
		{
			"RFC 7520, 4.3", "ES512", hobbitEC, "eyJhbGciOiJFUzUxMiIs" + hobbitHeader + hobbitText +
				"AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
		},
		{
			"RFC 7520, 4.4", "HS256", "", "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9." + hobbitText +
				"s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
		},
		{
			"RFC 8037, A.4", "EdDSA", ed25519JWK, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
				"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		},
	} {
		c := token.Config{Algorithms: []string{row.algorithm}, Secret: secret}
		if row.key != "" {
			set, err := token.ParseKeys(row.key)
			if err != nil {
				t.Fatal(row.name, err)
			}
			c.Keys, c.Secret = token.Fixed{Set: set}, nil
		}
		i := issuer(t, c)
		says(t, row.name, i, row.text, caller(t), "malformed")
		dot := strings.IndexByte(row.text, '.')
		for n := range row.text {
			if n <= dot || n == strings.LastIndexByte(row.text, '.') || n == len(row.text)-1 {
				continue // other headers and forms are refused for other reasons
			}
			altered := []byte(row.text)
			if altered[n] = 'A'; row.text[n] == 'A' {
				altered[n] = 'B'
			}
			if n%7 == 0 && n != strings.LastIndexByte(row.text, '.')-1 {
				says(t, row.name+" altered", i, string(altered), caller(t), "signature")
			}
		}
	}
}

// RFC 8037, appendix A.1: the private key makes that very signature, which is always the same.
func TestAPrivateKeyOfTheStandardMakesItsSignature(t *testing.T) {
	t.Parallel()
	k, err := token.ParseKey(`{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	if err != nil {
		t.Fatal(err)
	}
	const want = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	if got := signed(t, token.Maker{Algorithm: "EdDSA", Key: k}, "Example of Ed25519 signing"); got != want {
		t.Errorf("got %s", got)
	}
}
