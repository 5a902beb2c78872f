package steps

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// announce sends the Events of a pass whose status was written: a warning when
// a step is blocked or failed in a way it was not before, and a normal one
// when the object becomes ready. While it stays ready, a step that has
// something new to say gets a normal one too.
//
// Waiting is no event, and neither is each step on the way to Ready: a
// thousand new objects are a thousand writes instead of five thousand.
func (r *Runner[T]) announce(before, after T, last Result) {
	if r.opts.Recorder == nil {
		return
	}
	send := func(kind, action string, c metav1.Condition) {
		r.opts.Recorder.Eventf(after, nil, kind, c.Reason, action, "%s", condition.Note(c.Message))
	}
	ready := *condition.Get(after.GetConditions(), condition.Ready)
	news := changed(before.GetConditions(), ready)
	switch last.Outcome {
	case OutcomeWaiting:
	case OutcomeBlocked, OutcomeFailed:
		if news {
			send(corev1.EventTypeWarning, cmp.Or(last.step, condition.Ready), ready)
		}
	case OutcomeDone:
		if news {
			send(corev1.EventTypeNormal, condition.Ready, ready)
			return
		}
		for _, c := range after.GetConditions() {
			if c.Status == metav1.ConditionTrue && changed(before.GetConditions(), c) {
				send(corev1.EventTypeNormal, c.Type, c)
			}
		}
	}
}

// changed says whether the condition tells people something that it did not
// tell them before.
func changed(before []metav1.Condition, c metav1.Condition) bool {
	old := condition.Get(before, c.Type)
	return old == nil || old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message
}
