package crypto_test

import (
	"strings"
	"testing"
)

func TestWhatIsSealedIsOpenedWithItsKeyAndDataOnly(t *testing.T) {
	t.Parallel()
	const setup = `local k, k2 = ("a"):rep(32), ("b"):rep(32)
		local sealed = crypto.seal(k, "secret", "aad") `
	for _, row := range []struct{ name, code, want string }{
		{"with its key", `return crypto.open(k, sealed, "aad")`, "secret"},
		{"with a list that has its key", `return crypto.open({ k2, k }, sealed, "aad")`, "secret"},
		{"the first of a list seals", `return crypto.open(k2, crypto.seal({ k2, k }, "x"))`, "x"},
		{"nothing is a text", `return #crypto.open(k, crypto.seal(k, "")) .. ""`, "0"},
		{"bytes are a text", `return tostring(crypto.open(k, crypto.seal(k, "\0\255")) == "\0\255")`, "true"},
		{"no two are the same", `return tostring(sealed == crypto.seal(k, "secret", "aad"))`, "false"},
		{"it is safe in URLs and cookies", `return tostring(sealed:find("^v1%.[%w_-]+$"))`, "1"},
		{"1 MiB is not too long", `return tostring(crypto.open(k, crypto.seal(k, ("x"):rep(2 ^ 20))) == ("x"):rep(2 ^ 20))`, "true"},
		{"with another key", `return tostring(select(2, crypto.open(k2, sealed, "aad")))`, "wrong key or altered"},
		{"with other data", `return tostring(select(2, crypto.open(k, sealed, "")))`, "wrong key or altered"},
		{"another form", `return tostring(select(2, crypto.open(k, sealed:sub(4), "aad")))`, "wrong key or altered"},
		{"too short", `return tostring(select(2, crypto.open(k, "v1.AAAA", "aad")))`, "wrong key or altered"},
		{"nothing", `return tostring(select(2, crypto.open(k, "", "aad")))`, "wrong key or altered"},
		{"much too long", `return tostring(select(2, crypto.open(k, "v1." .. ("A"):rep(2 ^ 21), "aad")))`, "wrong key or altered"},
		{"with a new line in it", `return tostring(select(2, crypto.open(k, sealed .. "\n", "aad")))`, "wrong key or altered"},
		{"each byte altered", `for i = 1, #sealed do
			local c = sealed:sub(i, i) == "A" and "B" or "A"
			local text, err = crypto.open(k, sealed:sub(1, i - 1) .. c .. sealed:sub(i + 1), "aad")
			if text or err ~= "wrong key or altered" then return "altered at " .. i end
		end return "none"`, "none"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got, err := world.Call(t, setup+row.code); err != nil || got != row.want {
				t.Errorf("got %s, %v; want %s", got, err, row.want)
			}
		})
	}
}

func TestBytesAreDerivedAsTheStandardSays(t *testing.T) {
	t.Parallel()
	world.Check(t, [][3]string{
		{
			"test case 3 of RFC 5869", `(crypto.derive(("\11"):rep(22), "", 42):gsub(".", function(c) return ("%02x"):format(c:byte()) end))`,
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
		},
		{"another info gives others", `crypto.derive(("k"):rep(16), "a", 32) == crypto.derive(("k"):rep(16), "b", 32)`, "false"},
		{"a key to seal with", `#crypto.derive(("k"):rep(16), "a", 32), #crypto.derive(("k"):rep(16), "a", 1024)`, "32 1024"},
	})
}

func TestWrongKeysAndSizesRaise(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ call, want string }{
		{`crypto.seal("short", "x")`, "#1 to 'seal' (key: found a key of 5 bytes; allowed are 32, as crypto.derive and crypto.random make them)"},
		{`crypto.open({}, "x")`, "#1 to 'open' (key: found a list of 0 keys; allowed are 1 to 8)"},
		{`crypto.open({ ("k"):rep(32), "short" }, "x")`, "#1 to 'open' (key: found a key of 5 bytes as number 2; allowed are 32, as crypto.derive and crypto.random make them)"},
		{`crypto.open({ 1 }, "x")`, "#1 to 'open' (key: key 1 is a number; allowed are strings of 32 bytes)"},
		{`crypto.seal(nil, "x")`, "#1 to 'seal' (key: string expected, got nil)"},
		{`crypto.seal(("k"):rep(32), ("x"):rep(2 ^ 20 + 1))`, "#2 to 'seal' (text: found 1048577 bytes; allowed are 1048576)"},
		{`crypto.seal(("k"):rep(32), "x", ("x"):rep(2 ^ 20 + 1))`, "#3 to 'seal' (aad: found 1048577 bytes; allowed are 1048576)"},
		{`crypto.derive("short", "x", 32)`, "#1 to 'derive' (secret: found a secret of 5 bytes; allowed are 16 and more)"},
		{`crypto.derive(("k"):rep(16), "x", 0)`, "#3 to 'derive' (n: found 0; allowed are whole numbers from 1 to 1024)"},
		{`crypto.password("")`, "#1 to 'password' (text: found 0 bytes; allowed are 1 to 1024)"},
		{`crypto.password(("x"):rep(1025))`, "#1 to 'password' (text: found 1025 bytes; allowed are 1 to 1024)"},
	} {
		if _, err := world.Eval(t, row.call); err == nil || !strings.HasSuffix(err.Error(), "bad argument "+row.want) {
			t.Errorf("%s: got %v\nwant %s", row.call, err, row.want)
		}
	}
}
