package main

import (
	"net/http"
	"testing"
)

func TestEveryVariantForwardsTheRequest(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			if w := asker(t, provision(t, v), "http://bench.example"+path)(); w.status != http.StatusOK {
				t.Errorf("status %d, expected that of the origin", w.status)
			}
		})
	}
}

func TestEveryVariantWithLuaLooksAtTheRequest(t *testing.T) {
	for _, v := range variants {
		want := http.StatusNotFound
		if v.script == "" || v.name == "data" {
			want = http.StatusOK
		}
		t.Run(v.name, func(t *testing.T) {
			ask := asker(t, provision(t, v), "http://bench.example"+path, "X-Tenant")
			if w := ask(); w.status != want {
				t.Errorf("status %d without the header, expected %d", w.status, want)
			}
		})
	}
}
