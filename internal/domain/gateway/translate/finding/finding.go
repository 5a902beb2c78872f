// Package finding is what translate finds out about objects, before it is a condition in
// a status.
package finding

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// Verdict is a condition before it has a generation and a time.
type Verdict struct {
	// Kind is the condition type.
	Kind string
	// Status is True or False.
	Status bool
	// Reason and Message as the condition has them.
	Reason, Message string
}

// Holds is a Verdict that is True.
func Holds[T, R ~string](kind T, reason R, message string) Verdict {
	return Verdict{string(kind), true, string(reason), message}
}

// Fails is a Verdict that is False.
func Fails[T, R ~string](kind T, reason R, message string) Verdict {
	return Verdict{string(kind), false, string(reason), message}
}

// Conditions are the verdicts as a status has them. What is old and of the same
// status keeps its time; what is old and of none of the verdicts goes.
func Conditions(old []metav1.Condition, generation int64, now time.Time, verdicts ...Verdict) []metav1.Condition {
	made := make([]metav1.Condition, 0, len(verdicts))
	for _, v := range verdicts {
		c := metav1.Condition{
			Type: v.Kind, Status: metav1.ConditionFalse, Reason: v.Reason, Message: condition.Message(v.Message),
			ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now),
		}
		if v.Status {
			c.Status = metav1.ConditionTrue
		}
		if before := condition.Get(old, v.Kind); before != nil && before.Status == c.Status {
			c.LastTransitionTime = before.LastTransitionTime
		}
		made = append(made, c)
	}
	return made
}

// Fault is something that a reference or a value has wrong.
type Fault struct{ Reason, Message string }

// Faults are all of an object. The first one gives the reason.
type Faults []Fault

// Add adds what is not there yet.
func (f *Faults) Add(reason, message string) {
	added := Fault{reason, message}
	if !slices.Contains(*f, added) {
		*f = append(*f, added)
	}
}

// Reason is the first one's; there MUST be one.
func (f Faults) Reason() string { return f[0].Reason }

// Message is all of them, for people.
func (f Faults) Message() string {
	var messages []string
	for _, each := range f {
		if !slices.Contains(messages, each.Message) {
			messages = append(messages, each.Message)
		}
	}
	return strings.Join(messages, " ")
}

// Verdict is that all is well, or what is not.
func (f Faults) Verdict(kind, reason, message string) Verdict {
	if len(f) == 0 {
		return Verdict{kind, true, reason, message}
	}
	return Verdict{kind, false, f.Reason(), f.Message()}
}

// Qualified is a kind with its group, as people write it.
func Qualified(group, kind string) string {
	if group == "" {
		return kind
	}
	return kind + "." + group
}
