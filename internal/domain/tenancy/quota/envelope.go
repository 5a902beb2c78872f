package quota

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// The kinds of holders.
const (
	// HolderTenant is a tenant of the business unit.
	HolderTenant = "Tenant"
	// HolderBusinessUnit is a child of the business unit.
	HolderBusinessUnit = "BusinessUnit"
)

// Holder is who holds a share of an envelope.
type Holder struct {
	// Kind is HolderTenant or HolderBusinessUnit.
	Kind string
	// Name of the holder, UID its identity.
	Name, UID string
}

// Excess is one resource of which too much was asked.
type Excess struct {
	// Resource that does not suffice.
	Resource corev1.ResourceName
	// Envelope is all there is, Reserved what others hold, Asked what the
	// holder wants, Over by how much that is too much.
	Envelope, Reserved, Asked, Over resource.Quantity
	// Others counts the holders that Reserved belongs to.
	Others int
}

// String shows the arithmetic.
func (e Excess) String() string {
	return fmt.Sprintf("%s: envelope %s, reserved %s by %s, asked %s, over by %s",
		e.Resource, Amount(e.Envelope), Amount(e.Reserved), others(e.Others), Amount(e.Asked), Amount(e.Over))
}

// Amount is a quantity as people write it in a sum: 20000 and not 20k, beside
// 5240. Binary and fractional quantities stay as they are.
func Amount(q resource.Quantity) string {
	if whole, ok := q.AsInt64(); ok && q.Format == resource.DecimalSI {
		return strconv.FormatInt(whole, 10)
	}
	return q.String()
}

func others(n int) string {
	if n == 1 {
		return "1 other"
	}
	return fmt.Sprintf("%d others", n)
}

// EnvelopeError refuses a reservation and shows why.
type EnvelopeError struct {
	// Unit is the business unit whose envelope does not suffice.
	Unit string
	// Holder asked for the reservation.
	Holder Holder
	// Excesses are the resources it lacks, sorted; never empty.
	Excesses []Excess
}

// Error says which envelope lacks what, with the arithmetic.
func (e *EnvelopeError) Error() string {
	const most = 6
	texts := make([]string, 0, most+1)
	for i, excess := range e.Excesses {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(e.Excesses)-most))
			break
		}
		texts = append(texts, excess.String())
	}
	return fmt.Sprintf("the envelope of business unit %q does not suffice: %s; ask for less or have the envelope raised",
		e.Unit, strings.Join(texts, "; "))
}

// Reserve gives the holder a share of the unit's envelope and returns the
// unit's reservations with it, sorted by kind and name. An earlier reservation
// of the holder is replaced. It refuses, with an *EnvelopeError, whatever would
// make the reservations exceed the envelope; but a holder that asks for no
// more than it already holds is never refused, so that lowering an envelope
// below what is reserved stops growth and nothing else.
//
// Only budgeted resources are reserved; see Budgeted. The caller writes the
// result by compare-and-swap.
func Reserve(unit *v1alpha1.BusinessUnit, holder Holder, quota corev1.ResourceList) ([]v1alpha1.Reservation, error) {
	asked := Budget(quota)
	held, rest := take(unit.Status.Reservations, holder)
	over := excesses(unit.Spec.Envelope, rest, asked)
	over = slices.DeleteFunc(over, func(e Excess) bool {
		own := held[e.Resource]
		return e.Asked.Cmp(own) <= 0
	})
	if len(over) > 0 {
		return nil, &EnvelopeError{Unit: unit.Name, Holder: holder, Excesses: over}
	}
	mine := v1alpha1.Reservation{Kind: holder.Kind, Name: holder.Name, UID: holder.UID, Quota: asked}
	return sorted(append(rest, mine)), nil
}

// Release returns the unit's reservations without the holder's. A reservation
// of a namesake with another UID stays.
func Release(unit *v1alpha1.BusinessUnit, holder Holder) []v1alpha1.Reservation {
	kept := make([]v1alpha1.Reservation, 0, len(unit.Status.Reservations))
	for i := range unit.Status.Reservations {
		r := &unit.Status.Reservations[i]
		if !isOf(r, holder) || !sameUID(r.UID, holder.UID) {
			kept = append(kept, *r.DeepCopy())
		}
	}
	return sorted(kept)
}

// Reserved adds reservations up.
func Reserved(reservations []v1alpha1.Reservation) corev1.ResourceList {
	lists := make([]corev1.ResourceList, 0, len(reservations))
	for i := range reservations {
		lists = append(lists, reservations[i].Quota)
	}
	return Sum(lists...)
}

// Exceeded compares what is reserved with an envelope, as it would be after
// the envelope changed: nil if everything fits. It is sorted by resource.
func Exceeded(envelope corev1.ResourceList, reservations []v1alpha1.Reservation) []Excess {
	return excesses(envelope, reservations, nil)
}

func excesses(envelope corev1.ResourceList, rest []v1alpha1.Reservation, asked corev1.ResourceList) []Excess {
	taken := Reserved(rest)
	var found []Excess
	for _, name := range sortedNames(envelope) {
		limit, reserved, want := envelope[name], taken[name], asked[name]
		over := reserved.DeepCopy()
		over.Add(want)
		over.Sub(limit)
		if over.Sign() <= 0 {
			continue
		}
		found = append(found, Excess{
			Resource: name, Envelope: limit, Reserved: reserved, Asked: want, Over: over, Others: holders(rest, name),
		})
	}
	return found
}

func holders(reservations []v1alpha1.Reservation, name corev1.ResourceName) int {
	n := 0
	for i := range reservations {
		amount := reservations[i].Quota[name]
		if amount.Sign() > 0 {
			n++
		}
	}
	return n
}

// take separates what the holder itself holds from what others do. A namesake
// with another UID gives its place up, but is not the holder: held stays nil.
func take(reservations []v1alpha1.Reservation, holder Holder) (held corev1.ResourceList, rest []v1alpha1.Reservation) {
	rest = make([]v1alpha1.Reservation, 0, len(reservations)+1)
	for i := range reservations {
		r := &reservations[i]
		switch {
		case !isOf(r, holder):
			rest = append(rest, *r.DeepCopy())
		case sameUID(r.UID, holder.UID):
			held = r.Quota
		}
	}
	return held, rest
}

func isOf(r *v1alpha1.Reservation, holder Holder) bool {
	return r.Kind == holder.Kind && r.Name == holder.Name
}

// sameUID also matches where one side does not know the UID, as in a dry run.
func sameUID(a, b string) bool { return a == b || a == "" || b == "" }

func sorted(reservations []v1alpha1.Reservation) []v1alpha1.Reservation {
	slices.SortFunc(reservations, func(a, b v1alpha1.Reservation) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return reservations
}

// Budget keeps the resources that a reservation carries; see Budgeted.
func Budget(quota corev1.ResourceList) corev1.ResourceList {
	kept := corev1.ResourceList{}
	for name, amount := range quota {
		if Budgeted(name) {
			kept[name] = amount.DeepCopy()
		}
	}
	return kept
}
