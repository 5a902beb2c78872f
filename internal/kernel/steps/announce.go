package steps

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// announce sends the Events of a pass whose status was written: a warning for
// the step that is blocked or failed, a normal one for each step that is done
// after it was not, and one when the object is ready.
//
// What a step says for the first time on a pass that ends Ready is not sent:
// the object's own Event says it, and a thousand new objects are a thousand
// writes instead of five thousand.
func (r *Runner[T]) announce(before, after T, last Result) {
	if r.opts.Recorder == nil {
		return
	}
	for _, c := range after.GetConditions() {
		old := condition.Get(before.GetConditions(), c.Type)
		if old != nil && old.Status == c.Status && old.Reason == c.Reason && old.Message == c.Message {
			continue
		}
		if kind, worth := eventType(old, c, last); worth {
			r.opts.Recorder.Eventf(after, nil, kind, c.Reason, c.Type, "%s", condition.Note(c.Message))
		}
	}
}

// eventType says which Event a changed condition is worth, if any.
func eventType(old *metav1.Condition, c metav1.Condition, last Result) (kind string, worth bool) {
	ready := c.Type == condition.Ready
	switch c.Status {
	case metav1.ConditionTrue:
		turned := old == nil || old.Status != metav1.ConditionTrue
		recovered := old != nil && old.Status == metav1.ConditionFalse
		return corev1.EventTypeNormal, turned && (ready || recovered && last.Outcome != OutcomeDone)
	case metav1.ConditionFalse:
		troubled := last.Outcome == OutcomeBlocked || last.Outcome == OutcomeFailed
		return corev1.EventTypeWarning, troubled && !ready && c.Reason == last.Reason
	default:
		return "", false
	}
}
