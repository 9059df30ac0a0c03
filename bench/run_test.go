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

// quick are options for a run that says nothing about speed.
var quick = options{rounds: 3, slice: 5 * time.Millisecond, conns: 2, requests: 20, sockets: 20, reloads: 10}

func TestARunMeasuresEveryPairOfAStand(t *testing.T) {
	for _, name := range []string{"caddy", "state", "service", "quiet", "nginx", "haproxy"} {
		t.Run(name, func(t *testing.T) {
			o := quick
			o.out = t.TempDir()
			var out bytes.Buffer
			if err := run(t.Context(), o, []string{name}, &out); err != nil {
				t.Fatal(err)
			}
			r := written(t, o.out)
			if len(r.Skipped) == 1 && (name == "nginx" || name == "haproxy") {
				t.Logf("not measured here: %s", r.Skipped[0]) // the programs of others need not be there
				return
			}
			if len(r.Stands) != 1 || len(r.Stands[0].Pairs) == 0 {
				t.Fatalf("measured %+v, expected the pairs of %s", r.Stands, name)
			}
			for _, p := range r.Stands[0].Pairs {
				if !(p.CPU.Low > 0 && p.CPU.Low <= p.CPU.High && p.Of.CPU > 0 && p.Of.Rate > 0 && p.Of.P50 > 0 && p.Of.P50 <= p.Of.P99) {
					t.Errorf("%s: measured %+v", p.Name, p)
				}
				if !strings.Contains(out.String(), "\n| "+p.Name+" ") {
					t.Errorf("%s is not in the table:\n%s", p.Name, &out)
				}
			}
			for _, v := range r.Stands[0].Variants {
				if len(v.Slices) != o.rounds {
					t.Errorf("%s: %d slices, expected %d", v.Name, len(v.Slices), o.rounds)
				}
			}
		})
	}
}

func TestARunCountsTheStreamsThatReloadsLeave(t *testing.T) {
	o := quick
	o.out = t.TempDir()
	var out bytes.Buffer
	if err := run(t.Context(), o, []string{"streams"}, &out); err != nil {
		t.Fatal(err)
	}
	r := written(t, o.out)
	if len(r.Stands) != 1 || len(r.Stands[0].Survived) != len(reloadings) {
		t.Fatalf("measured %+v, expected %d ways to reload", r.Stands, len(reloadings))
	}
	for i, s := range r.Stands[0].Survived {
		want := s.Sockets.Opened
		if i == 1 { // plain Caddy closes them
			want = 0
		}
		if s.Sockets.Opened != o.sockets || s.Sockets.Left != want || s.Events.Opened != o.sockets/10 {
			t.Errorf("%s: %+v, expected %d WebSockets to be left", s.What, s, want)
		}
		if way := reloadings[i]; way.script && (s.Reloads != o.reloads || s.Events.Left != s.Events.Opened) {
			t.Errorf("%s: %+v, expected %d reloads and all event streams to be left", s.What, s, o.reloads)
		}
		if !strings.Contains(out.String(), "\n| "+s.What+" ") {
			t.Errorf("%s is not in the table:\n%s", s.What, &out)
		}
	}
}

func TestARunMeasuresNeighboursOfTheHostile(t *testing.T) {
	o := quick
	o.out, o.shipped, o.hostile = t.TempDir(), os.Args[0], "^(nothing|ordinary requests|30,000 routes, reloaded|1,000 health checks|loops everywhere)$"
	var out bytes.Buffer
	if err := run(t.Context(), o, []string{"neighbours"}, &out); err != nil {
		t.Fatal(err)
	}
	r := written(t, o.out)
	if len(r.Stands) != 1 || len(r.Stands[0].Beside) != 5 {
		t.Fatalf("measured %+v, expected five neighbours", r.Stands)
	}
	for _, b := range r.Stands[0].Beside {
		if b.Failed != "" || len(b.Quiet) != 1 || len(b.Busy) != 1 || !(b.P50.Value > 0 && b.P99.Value > 0) || b.Peak == 0 {
			t.Errorf("%s: measured %+v", b.Hostile, b)
		}
		if b.Hostile == "ordinary requests" && (len(b.Answers) != 1 || b.Answers[200] == 0) {
			t.Errorf("%s: answered %v", b.Hostile, b.Answers)
		}
		if !strings.Contains(out.String(), "\n| "+b.Hostile+" ") {
			t.Errorf("%s is not in the table:\n%s", b.Hostile, &out)
		}
	}
}

// written is the report in a folder.
func written(t *testing.T, folder string) (r report) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "speed.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARunThatCanNotBeIsAnError(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*options, *[]string){
		"no rounds":                func(o *options, _ *[]string) { o.rounds = 0 },
		"an empty slice":           func(o *options, _ *[]string) { o.slice = 0 },
		"no connection":            func(o *options, _ *[]string) { o.conns = 0 },
		"no requests":              func(o *options, _ *[]string) { o.requests = 0 },
		"no streams":               func(o *options, _ *[]string) { o.sockets = 0 },
		"no reloads":               func(o *options, _ *[]string) { o.reloads = 0 },
		"no such tenant":           func(o *options, names *[]string) { o.hostile, *names = "not one", []string{"neighbours"} },
		"no expression":            func(o *options, names *[]string) { o.hostile, *names = "(", []string{"neighbours"} },
		"an unknown pair":          func(_ *options, names *[]string) { *names = []string{"apache"} },
		"a profile of two":         func(o *options, names *[]string) { o.profile, *names = "x", []string{"data", "guard"} },
		"a profile of another one": func(o *options, names *[]string) { o.profile, *names = "x", []string{"nginx"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, names := quick, []string{"data"}
			spoil(&o, &names)
			if err := run(t.Context(), o, names, new(bytes.Buffer)); err == nil {
				t.Error("it ran")
			}
		})
	}
}

func TestTheFiguresOfADocumentAreReplaced(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "speed.md")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# Speed\n" + figures + "\nold\n\n### of old\n\nold" + section + "Method\n")
	for range 2 { // the second time it replaces what it wrote
		if err := insert(file, []byte("new\n")); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := "# Speed\n\n## Figures\n\nnew\n\n## Method\n"; string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	write("# Speed\n" + figures)
	if err := insert(file, []byte("new\n")); err == nil {
		t.Error("a document whose figures have no end was accepted")
	}
}
