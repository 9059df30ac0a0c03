package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestARunMeasuresEveryVariant(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.json")
	var out bytes.Buffer
	o := options{rounds: 3, slice: 5 * time.Millisecond, conns: 2, requests: 20, json: file}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Variants) != len(variants) {
		t.Fatalf("%d variants, expected %d", len(r.Variants), len(variants))
	}
	for i, v := range r.Variants {
		if v.Name != variants[i].name || len(v.Slices) != o.rounds || v.Mallocs < 1 || v.Bytes < 1 {
			t.Errorf("%d: %+v, expected %d slices and the allocations of %s", i, v, o.rounds, variants[i].name)
		}
		for _, s := range v.Slices {
			if s.Requests < 1 || s.CPU <= 0 || s.Took < o.slice {
				t.Errorf("%s: a slice of %+v", v.Name, s)
			}
		}
		if !strings.Contains(out.String(), "\n| "+v.Name+" ") {
			t.Errorf("%s is not in the table:\n%s", v.Name, &out)
		}
	}
}

func TestARunThatCanNotBeIsAnError(t *testing.T) {
	t.Parallel()
	good := options{rounds: 1, slice: time.Millisecond, conns: 1, requests: 1}
	for name, spoil := range map[string]func(*options){
		"no rounds":          func(o *options) { o.rounds = 0 },
		"an empty slice":     func(o *options) { o.slice = 0 },
		"no connection":      func(o *options) { o.conns = 0 },
		"no requests":        func(o *options) { o.requests = 0 },
		"an unknown variant": func(o *options) { o.only = "nginx" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := good
			spoil(&o)
			if err := run(t.Context(), o, new(bytes.Buffer)); err == nil {
				t.Error("it ran")
			}
		})
	}
}
