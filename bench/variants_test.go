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
		switch v.name {
		case plain, "again", "data":
			want = http.StatusOK
		case "contract", "gateway":
			want = http.StatusForbidden
		}
		t.Run(v.name, func(t *testing.T) {
			ask := asker(t, provision(t, v), "http://bench.example"+path, "X-Tenant")
			if w := ask(); w.status != want {
				t.Errorf("status %d without the header, expected %d", w.status, want)
			}
		})
	}
}

func TestPlainIsAlwaysAmongTheChosenVariants(t *testing.T) {
	t.Parallel()
	got, err := choose("guard,data")
	if err != nil {
		t.Fatal(err)
	}
	if all := names(got); len(all) != 3 || all[0] != plain || all[1] != "data" || all[2] != "guard" {
		t.Errorf("chose %v, expected plain, data and guard", all)
	}
	if _, err := choose("data,lua"); err == nil {
		t.Error("a variant that is not there was chosen")
	}
}
