package chiproxy

import "testing"

// announced is an action that says when it changes something.
type announced struct{ actionFunc }

func (announced) Traits() Traits { return Traits{Declines: true} }

func TestARequestIsCopiedBeforeTheFirstAnnouncedChange(t *testing.T) {
	t.Parallel()
	change := func(ex *Exchange) { ex.R.Header.Set("X-Spoiled", "yes") }
	for name, row := range map[string]struct {
		action Action
		copied bool
	}{
		"nothing is changed": {announced{func(*Exchange) (Verdict, error) { return Declined, nil }}, false},
		"a change is announced": {announced{func(ex *Exchange) (Verdict, error) {
			ex.Snapshot()
			change(ex)
			ex.Snapshot()
			return Declined, nil
		}}, true},
		"an action that may decline is carried out": {announced{func(ex *Exchange) (Verdict, error) {
			return ex.Act(actionFunc(func(ex *Exchange) (Verdict, error) {
				change(ex)
				return Declined, nil
			}))
		}}, true},
		"nothing is announced": {actionFunc(func(ex *Exchange) (Verdict, error) {
			change(ex)
			return Declined, nil
		}), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := false
			first := announced{func(ex *Exchange) (Verdict, error) {
				v, err := row.action.Do(ex)
				copied = len(ex.snapshots) > 0
				return v, err
			}}
			var action Action = first
			if _, ok := row.action.(announced); !ok {
				action = first.actionFunc // as silent as the action in it
			}
			rest := announced{func(ex *Exchange) (Verdict, error) {
				if ex.R.Header.Get("X-Spoiled") != "" || len(ex.snapshots) > 0 {
					t.Error("the next candidate sees the change, or its copy")
				}
				return ex.Perform(say("rest"))
			}}
			expect{"/a": "rest"}.check(t, only(at("GET /a", action), at("GET /*", rest)))
			if copied != row.copied {
				t.Errorf("copied: %v, expected %v", copied, row.copied)
			}
		})
	}
}
