package steps

import (
	"regexp"
	"time"

	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// Outcome says how a step ended.
type Outcome string

// The four ways a step ends.
const (
	// OutcomeDone means that what the step is for is true.
	OutcomeDone Outcome = "done"
	// OutcomeWaiting means that something that was set in motion takes time.
	OutcomeWaiting Outcome = "waiting"
	// OutcomeBlocked means that the user must act.
	OutcomeBlocked Outcome = "blocked"
	// OutcomeFailed means that an attempt went wrong and is made again.
	OutcomeFailed Outcome = "failed"
)

// Result is how a step ended. Make one with Done, Waiting, Blocked or Failed.
type Result struct {
	Outcome Outcome
	// Reason and Message become the condition's.
	Reason, Message string
	// After is when to look again at the latest; 0 leaves it to the watches.
	After time.Duration
	// Brief marks a wait that is nearly always over in an instant; see Briefly.
	Brief bool
	// Err is what went wrong in a failed step, else nil.
	Err error

	step string // whose result it is, set by the runner
}

// Done says that what the step is for is true.
func Done(reason, message string) Result {
	return Result{Outcome: OutcomeDone, Reason: reason, Message: message}
}

// Waiting says that something takes time. The object is looked at again after
// the given time, or only when a watch wakes it if that is 0.
func Waiting(reason, message string, after time.Duration) Result {
	return Result{Outcome: OutcomeWaiting, Reason: reason, Message: message, After: after}
}

// Briefly says of a wait that it is nearly always over in an instant. An object
// that was never told anything is told of it only when it lasts a second, so
// that a new object costs one write of its status and not two.
func (r Result) Briefly() Result {
	r.Brief = true
	return r
}

// Blocked says that the user must act: the object is looked at again only when
// it, or something watched on its behalf, changes.
func Blocked(reason, message string) Result {
	return Result{Outcome: OutcomeBlocked, Reason: reason, Message: message}
}

// Failed says that the attempt went wrong. It is made again with growing
// pauses; err's text is the message, so it must be the same for the same
// cause. Words with a digit in them may differ: the first is kept. A conflict
// with another writer is told to nobody, only retried.
func Failed(reason string, err error) Result {
	return Result{Outcome: OutcomeFailed, Reason: reason, Message: err.Error(), Err: err}
}

// varying matches what differs between attempts: ports, times, identifiers.
var varying = regexp.MustCompile(`[[:alnum:]]*[0-9][[:alnum:]]*`)

// alike says whether two messages, as conditions hold them, differ in nothing
// but words with a digit in them.
func alike(a, b string) bool {
	blur := func(text string) string { return varying.ReplaceAllString(condition.Message(text), "#") }
	return blur(a) == blur(b)
}
