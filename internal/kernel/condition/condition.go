// Package condition writes and reads the conditions in an object's status.
//
// A condition's transition time changes only when its status does, so that
// writing the same fact twice is writing nothing. Every package may use it; it
// keeps no state and calls nobody.
package condition

import (
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Ready is the type of the condition that sums up all others of an object.
const Ready = "Ready"

// Reasons that every kind of Roadbed's may show, whatever its domain.
const (
	// ReasonReady says that everything the object asks for is in place.
	ReasonReady = "Ready"
	// ReasonPending says that an earlier step has to be done first.
	ReasonPending = "Pending"
	// ReasonPanicked says that Roadbed met a fault of its own: report it, with
	// the stack trace that is in Roadbed's log.
	ReasonPanicked = "Panicked"
)

// The longest texts that Kubernetes takes, in bytes.
const (
	// MaxMessage bounds a condition's message.
	MaxMessage = 32768
	// MaxNote bounds an Event's note.
	MaxNote = 1024
)

// ellipsis ends a text that was cut.
const ellipsis = "…"

// Set puts c among conds, in place of the condition of the same type or at the
// end, and says whether anything but the transition time differs from before.
// The old transition time stays while the status does; for a new status it is
// c's, or the wall clock's when c has none. A message that is too long is cut.
func Set(conds *[]metav1.Condition, c metav1.Condition) (changed bool) {
	c.Message = Message(c.Message)
	old := Get(*conds, c.Type)
	if old != nil && old.Status == c.Status {
		c.LastTransitionTime = old.LastTransitionTime
	}
	if c.LastTransitionTime.IsZero() {
		c.LastTransitionTime = metav1.NewTime(time.Now())
	}
	if old == nil {
		*conds = append(*conds, c)
		return true
	}
	changed = *old != c
	*old = c
	return changed
}

// Get returns the condition of that type, or nil. It points into conds.
func Get(conds []metav1.Condition, conditionType string) *metav1.Condition {
	for i := range conds {
		if conds[i].Type == conditionType {
			return &conds[i]
		}
	}
	return nil
}

// IsTrue says whether the condition of that type is there and true. Whether it
// speaks of the current generation is for the caller to ask.
func IsTrue(conds []metav1.Condition, conditionType string) bool {
	c := Get(conds, conditionType)
	return c != nil && c.Status == metav1.ConditionTrue
}

// Message cuts a text to what a condition's message may hold.
func Message(text string) string { return cut(text, MaxMessage) }

// Note cuts a text to what an Event's note may hold.
func Note(text string) string { return cut(text, MaxNote) }

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
