package crypto

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/sign"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// readCertificate is crypto.certificate(pem).
func readCertificate(L *lua.LState) int {
	text := L.CheckString(1)
	vm.Spend(L, readSteps+min(len(text), sign.MaxPEM))
	cert, err := sign.ParseCertificate(text)
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(Certificate(L, cert))
	return 1
}

// CertificateFields describe what Certificate returns.
var CertificateFields = []vm.Doc{
	{Name: "subject", Type: "string", Text: "whose it is"},
	{Name: "issuer", Type: "string", Text: "who has signed it"},
	{Name: "serial", Type: "string", Text: "its serial number, decimal"},
	{Name: "not_before", Type: "number", Text: "since when it is valid, as `time.now()` has it"},
	{Name: "not_after", Type: "number", Text: "until when it is valid"},
	{Name: "dns_names", Type: "string[]", Text: "a list of the names it is for"},
	{Name: "uris", Type: "string[]", Text: "a list of URIs, such as a SPIFFE ID"},
	{Name: "emails", Type: "string[]", Text: "a list of addresses"},
	{Name: "ips", Type: "string[]", Text: "a list of IP addresses"},
	{Name: "fingerprint", Type: "string", Text: "its SHA-256 in hexadecimal"},
	{Name: "key", Type: "crypto.CertificateKey", Text: "its key: `{ type, bits }`"},
}

var certificateClass = vm.Class{Name: "crypto.Certificate", Text: "what a certificate says", Fields: CertificateFields}

var certificateKeyClass = vm.Class{Name: "crypto.CertificateKey", Text: "the public key of a certificate", Fields: []vm.Doc{
	{Name: "type", Type: `"rsa"|"ec"|"ed25519"|"other"`, Text: "its kind"},
	{Name: "bits", Type: "number", Text: "its size; 0 for other kinds"},
}}

// Certificate returns what a certificate says as a new table. The work counts as steps of L's budget.
func Certificate(L *lua.LState, cert *x509.Certificate) *lua.LTable {
	vm.Spend(L, callSteps+len(cert.Raw)/bytesPerStep)
	vm.Charge(L, 4*len(cert.Raw))
	sum := sha256.Sum256(cert.Raw)
	uris := make([]string, len(cert.URIs))
	for i, u := range cert.URIs {
		uris[i] = u.String()
	}
	ips := make([]string, len(cert.IPAddresses))
	for i, ip := range cert.IPAddresses {
		ips[i] = ip.String()
	}
	t := gopher.NewTable(0, len(CertificateFields))
	t.RawSetString("subject", lua.LString(cert.Subject.String()))
	t.RawSetString("issuer", lua.LString(cert.Issuer.String()))
	t.RawSetString("serial", lua.LString(cert.SerialNumber.String()))
	t.RawSetString("not_before", lua.LNumber(cert.NotBefore.Unix()))
	t.RawSetString("not_after", lua.LNumber(cert.NotAfter.Unix()))
	t.RawSetString("dns_names", list(cert.DNSNames))
	t.RawSetString("uris", list(uris))
	t.RawSetString("emails", list(cert.EmailAddresses))
	t.RawSetString("ips", list(ips))
	t.RawSetString("fingerprint", lua.LString(hex.EncodeToString(sum[:])))
	t.RawSetString("key", keyTable(cert.PublicKey))
	return t
}

func keyTable(key any) *lua.LTable {
	kind, bits := "other", 0
	switch key := key.(type) {
	case *rsa.PublicKey:
		kind, bits = "rsa", key.N.BitLen()
	case *ecdsa.PublicKey:
		kind, bits = "ec", key.Params().BitSize
	case ed25519.PublicKey:
		kind, bits = "ed25519", 256
	}
	t := gopher.NewTable(0, 2)
	t.RawSetString("type", lua.LString(kind))
	t.RawSetString("bits", lua.LNumber(bits))
	return t
}

func list(all []string) *lua.LTable {
	t := gopher.NewTable(len(all), 0)
	for _, s := range all {
		t.Append(lua.LString(s))
	}
	return t
}
