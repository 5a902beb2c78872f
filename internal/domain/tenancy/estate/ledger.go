package estate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// ErrEnvelopePending means that a business unit has no share of its parent's
// envelope yet, so that nothing can be reserved in its own.
var ErrEnvelopePending = errors.New("has reserved no envelope in its parent yet")

// Ledger keeps the reservations in the statuses of business units.
//
// A reservation is written by compare-and-swap on the version that it was
// computed from, so writers anywhere cannot overshoot an envelope together.
// The locks only keep the workers of this process from being in each other's
// way.
type Ledger struct {
	*Estate
	mu    sync.Mutex
	locks map[string]*sync.Mutex // guarded by mu; one per business unit
}

// NewLedger returns the estate's ledger. A process has one.
func NewLedger(c *Estate) *Ledger { return &Ledger{Estate: c, locks: map[string]*sync.Mutex{}} }

func (l *Ledger) lock(unit string) *sync.Mutex {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.locks[unit] == nil {
		l.locks[unit] = new(sync.Mutex)
	}
	return l.locks[unit]
}

// Hold makes the holder's reservation in the unit's envelope exactly asked. It
// returns a *quota.EnvelopeError if that is refused. What is there already
// costs neither a read nor a write.
func (l *Ledger) Hold(ctx context.Context, unit string, holder quota.Holder, asked corev1.ResourceList) error {
	return l.swap(ctx, unit, &entry{holder: holder, change: func(u *v1alpha1.BusinessUnit) ([]v1alpha1.Reservation, error) {
		return reserve(u, holder, asked)
	}})
}

// Holds says whether the holder's reservation in the unit's envelope, as the
// cache has it, is exactly asked.
func (l *Ledger) Holds(ctx context.Context, unit string, holder quota.Holder, asked corev1.ResourceList) bool {
	var cached v1alpha1.BusinessUnit
	if err := l.Client.Get(ctx, types.NamespacedName{Name: unit}, &cached, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	has := held(&cached, holder)
	return has != nil && equality.Semantic.DeepEqual(has, asked)
}

// Covers says whether the holder's reservation in the unit's envelope, as the
// cache has it, is at least the amounts, as far as they are budgeted.
func (l *Ledger) Covers(ctx context.Context, unit string, holder quota.Holder, amounts corev1.ResourceList) bool {
	var cached v1alpha1.BusinessUnit
	if err := l.Client.Get(ctx, types.NamespacedName{Name: unit}, &cached, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	has := held(&cached, holder)
	for name, amount := range amounts {
		if reserved := has[name]; quota.Budgeted(name) && reserved.Cmp(amount) < 0 {
			return false
		}
	}
	return has != nil
}

// Secure makes the holder's reservation cover asked and, until settled, what
// it holds already: the objects that use it are still there.
//
// When that takes a write, others are asked who else will want a share, and
// all of them that fit are entered by the same write.
func (l *Ledger) Secure(ctx context.Context, unit string, holder quota.Holder, asked corev1.ResourceList, others func(context.Context) []Claim) error {
	return l.swap(ctx, unit, &entry{holder: holder, others: others, change: func(u *v1alpha1.BusinessUnit) ([]v1alpha1.Reservation, error) {
		return reserve(u, holder, Larger(asked, held(u, holder)))
	}})
}

// reserve is quota.Reserve, at no cost where the holder has exactly asked.
func reserve(u *v1alpha1.BusinessUnit, holder quota.Holder, asked corev1.ResourceList) ([]v1alpha1.Reservation, error) {
	if has := held(u, holder); has != nil && equality.Semantic.DeepEqual(has, quota.Budget(asked)) {
		return u.Status.Reservations, nil
	}
	return quota.Reserve(u, holder, asked)
}

// Release gives the holder's reservation back.
func (l *Ledger) Release(ctx context.Context, unit string, holder quota.Holder) error {
	err := l.swap(ctx, unit, &entry{holder: holder, change: func(u *v1alpha1.BusinessUnit) ([]v1alpha1.Reservation, error) {
		return quota.Release(u, holder), nil
	}})
	return client.IgnoreNotFound(err)
}

// Change computes a unit's reservations anew. It MUST NOT change the unit.
type Change func(u *v1alpha1.BusinessUnit) ([]v1alpha1.Reservation, error)

// swap writes what the entry makes of the unit's reservations, if it differs.
func (l *Ledger) swap(ctx context.Context, name string, e *entry) error {
	var cached v1alpha1.BusinessUnit
	if err := l.Client.Get(ctx, types.NamespacedName{Name: name}, &cached, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("read business unit %q: %w", name, err)
	}
	if next, err := l.Next(ctx, &cached, e.change); err == nil && sameReservations(next, cached.Status.Reservations) {
		return nil
	}
	lock := l.lock(name)
	lock.Lock()
	defer lock.Unlock()
	// The cache has our own last write, so it nearly always suffices; what is
	// refused by it, or overtaken, is decided by the API server.
	if err := l.attempt(ctx, l.Client, name, e); err == nil {
		return nil
	}
	for {
		err := l.attempt(ctx, l.Live, name, e)
		if !apierrors.IsConflict(err) {
			return err
		}
		conflicts().Inc()
	}
}

// attempt is one compare-and-swap on what the reader has.
func (l *Ledger) attempt(ctx context.Context, reader client.Reader, name string, e *entry) error {
	var unit v1alpha1.BusinessUnit
	if err := reader.Get(ctx, types.NamespacedName{Name: name}, &unit); err != nil {
		return fmt.Errorf("read business unit %q: %w", name, err)
	}
	next, err := l.Next(ctx, &unit, e.change)
	if err != nil {
		return err
	}
	if sameReservations(next, unit.Status.Reservations) {
		return nil
	}
	next, joined, err := l.join(ctx, &unit, next, e.others)
	if err != nil {
		return err
	}
	if err := l.announce(ctx, &unit, e, joined); err != nil {
		return err
	}
	base := client.MergeFromWithOptions(unit.DeepCopy(), client.MergeFromWithOptimisticLock{})
	unit.Status.Reservations, unit.Status.Reserved = next, quota.Reserved(next)
	if members, err := l.TenantsIn(ctx, name); err == nil {
		unit.Status.Tenants = int32(len(members)) // spares the unit's controller a write of its own
	}
	if err := l.Client.Status().Patch(ctx, &unit, base); err != nil {
		return fmt.Errorf("write reservations of business unit %q: %w", name, err)
	}
	return nil
}

// Next applies change to the unit as far as its own envelope is secured.
//
// The parent may come from the cache: a share there shrinks only after the
// child's spec did, and then the compare-and-swap on the child fails.
func (l *Ledger) Next(ctx context.Context, unit *v1alpha1.BusinessUnit, change Change) ([]v1alpha1.Reservation, error) {
	if unit.Spec.Parent == "" {
		return change(unit)
	}
	var parent v1alpha1.BusinessUnit
	if err := l.Client.Get(ctx, types.NamespacedName{Name: unit.Spec.Parent}, &parent, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("read business unit %q, the parent of %q: %w", unit.Spec.Parent, unit.Name, err)
	}
	secured, err := secured(unit, &parent)
	if err != nil {
		return nil, err
	}
	return change(secured)
}

// secured is the unit with what it holds of its parent's envelope as its own.
func secured(unit, parent *v1alpha1.BusinessUnit) (*v1alpha1.BusinessUnit, error) {
	share := held(parent, UnitHolder(unit))
	if share == nil && len(unit.Spec.Envelope)+len(parent.Spec.Envelope) > 0 {
		return nil, fmt.Errorf("business unit %q %w", unit.Name, ErrEnvelopePending)
	}
	envelope := maps.Clone(unit.Spec.Envelope)
	if envelope == nil {
		envelope = corev1.ResourceList{}
	}
	for name, limit := range envelope {
		if granted := share[name]; granted.Cmp(limit) < 0 {
			envelope[name] = granted
		}
	}
	for name := range parent.Spec.Envelope {
		if _, limited := envelope[name]; !limited {
			envelope[name] = share[name]
		}
	}
	limited := *unit // shares what is only read
	limited.Spec.Envelope = envelope
	return &limited, nil
}

// held is what the holder has reserved, nil if nothing.
func held(unit *v1alpha1.BusinessUnit, holder quota.Holder) corev1.ResourceList {
	for i := range unit.Status.Reservations {
		r := &unit.Status.Reservations[i]
		if r.Kind == holder.Kind && r.Name == holder.Name && r.UID == holder.UID {
			return r.Quota
		}
	}
	return nil
}

// Larger takes the larger amount of each resource.
func Larger(a, b corev1.ResourceList) corev1.ResourceList {
	most := a.DeepCopy()
	if most == nil {
		most = corev1.ResourceList{}
	}
	for name, amount := range b {
		if current, ok := most[name]; !ok || current.Cmp(amount) < 0 {
			most[name] = amount.DeepCopy()
		}
	}
	return most
}

func sameReservations(a, b []v1alpha1.Reservation) bool { return equality.Semantic.DeepEqual(a, b) }

// TenantHolder is the tenant as a holder of a reservation.
func TenantHolder(t *v1alpha1.Tenant) quota.Holder {
	return quota.Holder{Kind: quota.HolderTenant, Name: t.Name, UID: string(t.UID)}
}

// UnitHolder is the business unit as a holder of a reservation.
func UnitHolder(u *v1alpha1.BusinessUnit) quota.Holder {
	return quota.Holder{Kind: quota.HolderBusinessUnit, Name: u.Name, UID: string(u.UID)}
}
