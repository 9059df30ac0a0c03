package explain

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"strings"
	"testing"
)

func TestARequestIsReadFromJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`: "GET localhost / 127.0.0.1:0",
		`{"method": "POST", "host": "a.example:8080", "path": "/x?y=1", "remote_addr": "::1"}`: "POST a.example:8080 /x?y=1 [::1]:0",
		`{"headers": {"host": "b.example"}, "remote_addr": "192.0.2.1:99"}`:                    "GET b.example / 192.0.2.1:99",
		`{"scheme": "https", "host": "a.example:8443"}`:                                        "GET a.example:8443 / 127.0.0.1:0 TLS 1.3 for a.example",
		`{"scheme": "https", "host": "[::1]:8443"}`:                                            "GET [::1]:8443 / 127.0.0.1:0 TLS 1.3 for nobody",
		`{"scheme": "http"}`:               "GET localhost / 127.0.0.1:0",
		`{"scheme": "ftp"}`:                `scheme "ftp": expected http or https`,
		`{"path": "x"}`:                    `path "x": expected one that begins with /`,
		`{"path": "/%zz"}`:                 `path "/%zz": `,
		`{"method": "a b"}`:                "is not a method",
		`{"remote_addr": "here"}`:          `remote_addr "here": expected an IP address`,
		`{"headers": {"X": 1}}`:            "header X: found 1; expected a string, or a list of strings",
		`{"headers": {"X": "a\nb"}}`:       "control character",
		`{"headers": "X"}`:                 "expected an object of names and values",
		`{"host": "a b"}`:                  "Host",
		`{"headers": {"A": ["1", "2"]}}`:   "GET localhost / 127.0.0.1:0",
		`{"headers": {"Host": ["c", ""]}}`: "GET c / 127.0.0.1:0",
	} {
		var q Request
		got := ""
		if err := json.Unmarshal([]byte(text), &q); err != nil {
			got = err.Error()
		} else if r, err := q.HTTP(); err != nil {
			got = err.Error()
		} else {
			got = strings.Join([]string{r.Method, r.Host, r.URL.RequestURI(), r.RemoteAddr}, " ")
			if r.TLS != nil {
				got += " " + tls.VersionName(r.TLS.Version) + " for " + cmp.Or(r.TLS.ServerName, "nobody")
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, expected %s", text, got, want)
		}
	}
}
