package translate

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// verdict is a condition before it has a generation and a time.
type verdict struct {
	kind    string
	status  bool
	reason  string
	message string
}

// holds is a verdict that is True.
func holds[T, R ~string](kind T, reason R, message string) verdict {
	return verdict{string(kind), true, string(reason), message}
}

// fails is a verdict that is False.
func fails[T, R ~string](kind T, reason R, message string) verdict {
	return verdict{string(kind), false, string(reason), message}
}

// conditions are the verdicts as a status has them. What is old and of the same
// status keeps its time; what is old and of none of the verdicts goes.
func conditions(old []metav1.Condition, generation int64, now time.Time, verdicts ...verdict) []metav1.Condition {
	made := make([]metav1.Condition, 0, len(verdicts))
	for _, v := range verdicts {
		c := metav1.Condition{
			Type: v.kind, Status: metav1.ConditionFalse, Reason: v.reason, Message: condition.Message(v.message),
			ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now),
		}
		if v.status {
			c.Status = metav1.ConditionTrue
		}
		if before := condition.Get(old, v.kind); before != nil && before.Status == c.Status {
			c.LastTransitionTime = before.LastTransitionTime
		}
		made = append(made, c)
	}
	return made
}
