package chiproxy

import (
	"errors"
	"net/http/httptest"
	"testing"
)

// announced is an action that says when it changes something.
type announced func(*Exchange) (Verdict, error)

func (f announced) Do(ex *Exchange) (Verdict, error) { return f(ex) }

func (announced) Traits() Traits { return Traits{Declines: true} }

// silent is an action that may change anything.
type silent struct{ announced }

func (silent) Traits() Traits { return Traits{Declines: true, Changes: true} }

func TestARequestIsCopiedBeforeTheFirstAnnouncedChange(t *testing.T) {
	t.Parallel()
	change := func(ex *Exchange) { ex.R.Header.Set("X-Spoiled", "yes") }
	changing := silent{func(ex *Exchange) (Verdict, error) {
		change(ex)
		return Declined, nil
	}}
	for name, row := range map[string]struct {
		action Action
		copied bool
	}{
		"nothing is changed": {announced(func(*Exchange) (Verdict, error) { return Declined, nil }), false},
		"a change is announced": {announced(func(ex *Exchange) (Verdict, error) {
			ex.Snapshot()
			change(ex)
			ex.Snapshot()
			return Declined, nil
		}), true},
		"an action that may decline is carried out": {announced(func(ex *Exchange) (Verdict, error) { return ex.Act(changing) }), true},
		"nothing is announced":                      {changing, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := false
			watched := announced(func(ex *Exchange) (Verdict, error) {
				v, err := row.action.Do(ex)
				copied = len(ex.snapshots) > 0
				return v, err
			})
			var action Action = watched
			if _, ok := row.action.(silent); ok {
				action = silent{watched}
			}
			rest := announced(func(ex *Exchange) (Verdict, error) {
				if ex.R.Header.Get("X-Spoiled") != "" || len(ex.snapshots) > 0 {
					t.Error("the next candidate sees the change, or its copy")
				}
				return ex.Perform(says("rest"))
			})
			w := httptest.NewRecorder()
			d := driverOf(w, get("/a"), new(PoolScope))
			if v, err := d.Run(nil, action, true); v != Declined || err != nil {
				t.Errorf("%v, %v", v, err)
			}
			if v, err := d.Run(nil, rest, true); v != Done || err != nil || w.Body.String() != "rest" {
				t.Errorf("%v, %v, %q", v, err, w.Body)
			}
			if copied != row.copied {
				t.Errorf("copied: %v, expected %v", copied, row.copied)
			}
		})
	}
}

func TestWhatWasCopiedIsForgottenWithTheRequest(t *testing.T) {
	t.Parallel()
	d := driverOf(httptest.NewRecorder(), get("/a"), new(PoolScope))
	failing := announced(func(ex *Exchange) (Verdict, error) {
		ex.Snapshot()
		return Done, errors.New("failed")
	})
	if _, err := d.Run(nil, failing, true); err == nil || len(d.snapshots) != 1 {
		t.Errorf("%d copies, %v", len(d.snapshots), err)
	}
	d.End()
	if room := d.snapshots[:cap(d.snapshots)]; len(d.snapshots) > 0 || room[0].line != (requestLine{}) || room[0].body.body != nil {
		t.Errorf("the next request finds %+v", room[0])
	}
}
