package e2e

import (
	"net"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// NameServer starts a name server for which every name is 127.0.0.1, and returns its address.
func NameServer(t testing.TB) string {
	t.Helper()
	return Resolve(t, func(string, dnsmessage.Type) []dnsmessage.ResourceBody {
		return []dnsmessage.ResourceBody{&dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}
	})
}

// Resolve starts a name server that answers as a function says, and returns its address. It leaves out what is of another kind than that
// asked for. The name ends in a dot.
func Resolve(t testing.TB, answer func(name string, kind dnsmessage.Type) []dnsmessage.ResourceBody) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return // the test is over
			}
			if text, err := resolved(query[:n], answer); err == nil {
				_, _ = conn.WriteTo(text, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// resolved is the answer to a query.
func resolved(query []byte, answer func(string, dnsmessage.Type) []dnsmessage.ResourceBody) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	for _, q := range m.Questions {
		for _, body := range answer(q.Name.String(), q.Type) {
			if kindOf(body) == q.Type {
				header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: body})
			}
		}
	}
	return m.Pack()
}

func kindOf(body dnsmessage.ResourceBody) dnsmessage.Type {
	switch body.(type) {
	case *dnsmessage.AResource:
		return dnsmessage.TypeA
	case *dnsmessage.AAAAResource:
		return dnsmessage.TypeAAAA
	case *dnsmessage.SRVResource:
		return dnsmessage.TypeSRV
	}
	return 0
}
