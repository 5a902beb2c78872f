package override

import (
	"strconv"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
)

// What the ledger holds at most. The API server spends no more than a million
// units on an expression and ten million on a policy, and etcd takes no object
// of more than 1.5 MB; an admission policy beyond either would refuse everything,
// and a ledger beyond it could not be written.
const (
	maxPolicies  = 1024
	maxPerPolicy = 512
	maxCost      = 300_000
	maxBytes     = 1_000_000
	maxText      = 300_000
)

// An expression has no more than 100,000 characters: a chunk of entries, the one
// that did not fit any more, and what covered puts around them.
const (
	maxChunk = 48_000
	maxEntry = 40_000
)

// room is what is left of the ledger.
type room struct {
	entries map[string]int
	cost    map[string]int
	text    map[string]int
	bytes   int
}

func newRoom() *room {
	return &room{entries: map[string]int{}, cost: map[string]int{}, text: map[string]int{}, bytes: maxBytes}
}

// take makes room for the entries of one override, for all of them or none.
func (r *room) take(waivers map[string]v1alpha1.Waiver) bool {
	bytes, added := 0, 0
	for name, entry := range waivers {
		bytes += len(name) + sizeOf(entry)
		if r.entries[name] == 0 {
			added++
		}
		if r.entries[name] >= maxPerPolicy || r.cost[name]+costOf(entry) > maxCost {
			return false
		}
		if text := textOf(entry); text > maxEntry || r.text[name]+text > maxText {
			return false
		}
	}
	if bytes > r.bytes || len(r.entries)+added > maxPolicies {
		return false
	}
	for name, entry := range waivers {
		r.entries[name]++
		r.cost[name] += costOf(entry)
		r.text[name] += textOf(entry)
	}
	r.bytes -= bytes
	return true
}

// sizeOf is no less than the entry's length in JSON.
func sizeOf(w v1alpha1.Waiver) int {
	const frame = 160
	size := frame + len(w.Override) + 2*len(w.Names)
	for _, list := range [][]string{w.Rules, w.Tenants, w.Namespaces, w.Kinds} {
		for _, item := range list {
			size += len(item) + 3
		}
	}
	for _, control := range w.PodSecurity {
		size += sizeOfControl(control)
	}
	return size
}

// sizeOfControl counts a byte for as many as an escaped one may take.
func sizeOfControl(control v1alpha1.PodSecurityControl) int {
	const frame, escaped = 80, 6
	size := frame + len(control.ControlName) + escaped*len(control.RestrictedField)
	for _, list := range [][]string{control.Images, control.Values} {
		for _, item := range list {
			size += escaped*len(item) + 3
		}
	}
	return size
}

// textOf is the entry's length in an expression.
func textOf(w v1alpha1.Waiver) int { return len(strconv.Quote(line(w) + lines)) }

// costOf is no less than what the API server charges for looking at the entry,
// with the longest names an object, its kind and its namespace can have and twenty
// field managers: for its text as a whole, for each list that is searched for a
// name, and for the pattern.
func costOf(w v1alpha1.Waiver) int {
	const (
		frame    = 300
		longWord = 2  // a hundredth of 65 characters, for two names of a rule
		longKind = 5  // a hundredth of 65 and 319 characters
		longName = 26 // a tenth of 253 characters
	)
	lists := len(list(w.Rules)) + len(list(w.Tenants)) + len(list(w.Namespaces))
	return frame + textOf(w)/2 + longWord*lists + longKind*len(list(w.Kinds)) + longName*((len(w.Names)+3)/4)
}
