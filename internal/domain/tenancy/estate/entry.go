package estate

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// Claim is a share of an envelope that a holder is going to ask for.
type Claim struct {
	// Holder is who will ask.
	Holder quota.Holder
	// Asked is for what.
	Asked corev1.ResourceList
}

// entry is a change of reservations on its way into the ledger.
type entry struct {
	holder quota.Holder
	change Change
	// others are who may be entered by the same write; nil for nobody.
	others func(context.Context) []Claim
	// recorded are the holders that the trail has heard of.
	recorded map[quota.Holder]bool
}

// roomy is how many reservations a business unit may have for others to join:
// whoever asks for himself is not to be refused because the list is full of
// those who did not.
const roomy = 1000

// join adds the claims of those who hold nothing in the unit yet, as far as
// they fit; whoever does not is told so when he asks for himself. A business
// unit's status costs ten times what another object costs to write, and when
// tenants come in numbers one write serves them all.
func (l *Ledger) join(ctx context.Context, unit *v1alpha1.BusinessUnit, next []v1alpha1.Reservation, others func(context.Context) []Claim) (all []v1alpha1.Reservation, joined []quota.Holder, err error) {
	if others == nil {
		return next, nil, nil
	}
	all, err = l.Next(ctx, unit, func(u *v1alpha1.BusinessUnit) ([]v1alpha1.Reservation, error) {
		with := *u
		with.Status.Reservations = next
		for _, claim := range others(ctx) {
			if len(with.Status.Reservations) >= roomy || known(&with, claim.Holder) {
				continue
			}
			more, err := quota.Reserve(&with, claim.Holder, claim.Asked)
			if err != nil {
				continue
			}
			with.Status.Reservations, joined = more, append(joined, claim.Holder)
		}
		return with.Status.Reservations, nil
	})
	return all, joined, err
}

// known says whether the unit has a reservation of the holder's name, be it a
// namesake's.
func known(unit *v1alpha1.BusinessUnit, holder quota.Holder) bool {
	for i := range unit.Status.Reservations {
		r := &unit.Status.Reservations[i]
		if r.Kind == holder.Kind && r.Name == holder.Name {
			return true
		}
	}
	return false
}

// announce puts on the trail whose shares the next write changes, each once.
func (l *Ledger) announce(ctx context.Context, unit *v1alpha1.BusinessUnit, e *entry, joined []quota.Holder) error {
	if e.recorded == nil {
		e.recorded = map[quota.Holder]bool{}
	}
	var news []quota.Holder
	var names []string
	for _, holder := range append([]quota.Holder{e.holder}, joined...) {
		if !e.recorded[holder] {
			news, names = append(news, holder), append(names, fmt.Sprintf("%s %q", holder.Kind, holder.Name))
		}
	}
	if len(news) == 0 {
		return nil
	}
	reason := "another share of the envelope than before is held by " + strings.Join(names, ", ")
	if err := l.Record(ctx, "businessunit.reserve", unit, KindBusinessUnit, reason, ""); err != nil {
		return err
	}
	for _, holder := range news {
		e.recorded[holder] = true
	}
	return nil
}
