package operator

import (
	"context"
	"fmt"
	"regexp"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
)

// former are the names of the ledgers that earlier versions had beside the one.
var former = regexp.MustCompile(`^` + v1alpha1.LedgerName + `-[0-9]{3}$`)

// grace is how long API servers may take to see that a policy was changed, and
// more than that.
const grace = 30 * time.Second

// tidy deletes the ledgers beside the one: earlier versions of Roadbed had the API
// server's policies read them as parameters. A policy that still does would waive
// everything without them, and so they stay until none has for a while. It tells
// when to look again; zero is never.
func (l *ledger) tidy(ctx context.Context) (time.Duration, error) {
	var list v1alpha1.OverrideLedgerList
	if err := l.client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("list the ledgers of overrides: %w", err)
	}
	if len(list.Items) <= 1 {
		return 0, nil
	}
	read, err := l.read(ctx)
	now := l.clock.Now()
	switch {
	case err != nil:
		return 0, err
	case read:
		l.idle = time.Time{}
		return grace, nil
	case l.idle.IsZero():
		l.idle = now
		return grace, nil
	case now.Sub(l.idle) < grace:
		return grace, nil
	}
	for i := range list.Items {
		if list.Items[i].Name == v1alpha1.LedgerName {
			continue
		}
		if err := client.IgnoreNotFound(l.client.Delete(ctx, list.Items[i].DeepCopy())); err != nil {
			return 0, fmt.Errorf("delete the ledger %q of an earlier version: %w", list.Items[i].Name, err)
		}
	}
	return 0, nil
}

// read tells whether a policy of Roadbed's has a ledger of an earlier version as
// its parameter.
func (l *ledger) read(ctx context.Context) (bool, error) {
	var validating admissionv1.ValidatingAdmissionPolicyBindingList
	var mutating admissionv1.MutatingAdmissionPolicyBindingList
	for _, list := range []client.ObjectList{&validating, &mutating} {
		if err := l.client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return false, fmt.Errorf("list the bindings of policies: %w", err)
		}
	}
	var refs []*admissionv1.ParamRef
	for i := range validating.Items {
		refs = append(refs, validating.Items[i].Spec.ParamRef)
	}
	for i := range mutating.Items {
		refs = append(refs, mutating.Items[i].Spec.ParamRef)
	}
	for _, ref := range refs {
		if ref != nil && ref.Namespace == "" && former.MatchString(ref.Name) {
			return true, nil
		}
	}
	return false, nil
}
