package condition_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

var (
	earlier = metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	later   = metav1.NewTime(time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC))
)

func reserved(status metav1.ConditionStatus, reason string, at metav1.Time) metav1.Condition {
	return metav1.Condition{Type: "Reserved", Status: status, Reason: reason, LastTransitionTime: at}
}

func TestSet(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason      string
		before      []metav1.Condition
		set         metav1.Condition
		want        metav1.Condition
		wantChanged bool
	}{
		"New": {
			reason:      "a condition that was not there is added as it is",
			set:         reserved("True", "Reserved", earlier),
			want:        reserved("True", "Reserved", earlier),
			wantChanged: true,
		},
		"SameAgain": {
			reason: "the same fact told later is no change and keeps its time",
			before: []metav1.Condition{reserved("True", "Reserved", earlier)},
			set:    reserved("True", "Reserved", later),
			want:   reserved("True", "Reserved", earlier),
		},
		"OtherReason": {
			reason:      "another reason is a change, but no transition",
			before:      []metav1.Condition{reserved("False", "EnvelopeExceeded", earlier)},
			set:         reserved("False", "UnknownTier", later),
			want:        reserved("False", "UnknownTier", earlier),
			wantChanged: true,
		},
		"OtherStatus": {
			reason:      "another status is a transition and takes the new time",
			before:      []metav1.Condition{reserved("False", "EnvelopeExceeded", earlier)},
			set:         reserved("True", "Reserved", later),
			want:        reserved("True", "Reserved", later),
			wantChanged: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conds := append([]metav1.Condition{{Type: "Accepted"}}, tc.before...)
			if got := condition.Set(&conds, tc.set); got != tc.wantChanged {
				t.Errorf("Set() = %t, want %t: %s", got, tc.wantChanged, tc.reason)
			}
			want := []metav1.Condition{{Type: "Accepted"}, tc.want}
			if diff := cmp.Diff(want, conds); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSetWithoutTimeTakesTheWallClock(t *testing.T) {
	t.Parallel()
	var conds []metav1.Condition
	condition.Set(&conds, metav1.Condition{Type: condition.Ready, Status: metav1.ConditionTrue})
	if conds[0].LastTransitionTime.IsZero() {
		t.Error("a condition without a transition time would be refused by the API server")
	}
}

func TestIsTrue(t *testing.T) {
	t.Parallel()
	conds := []metav1.Condition{{Type: "A", Status: "True"}, {Type: "B", Status: "False"}, {Type: "C", Status: "Unknown"}}
	for conditionType, want := range map[string]bool{"A": true, "B": false, "C": false, "absent": false} {
		if got := condition.IsTrue(conds, conditionType); got != want {
			t.Errorf("IsTrue(%q) = %t, want %t", conditionType, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		text   string
		want   string
	}{
		"Short":   {"what fits stays", "ready", "ready"},
		"Exactly": {"the limit itself fits", strings.Repeat("x", condition.MaxNote), strings.Repeat("x", condition.MaxNote)},
		"Long":    {"what is cut says so", strings.Repeat("x", 2000), strings.Repeat("x", condition.MaxNote-3) + "…"},
		"Runes":   {"a letter is never cut in two", strings.Repeat("é", 1000), strings.Repeat("é", 510) + "…"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := condition.Note(tc.text)
			if got != tc.want || !utf8.ValidString(got) {
				t.Errorf("Note() has %d bytes, want %d: %s", len(got), len(tc.want), tc.reason)
			}
		})
	}
	if got := len(condition.Message(strings.Repeat("x", 1<<16))); got != condition.MaxMessage {
		t.Errorf("a cut message has %d bytes, want %d", got, condition.MaxMessage)
	}
}
