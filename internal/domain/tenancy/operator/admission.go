package operator

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	webhook "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/offboard"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// The paths that the webhooks are served at.
const (
	// PathTenants validates Tenants.
	PathTenants = "/admission/tenancy/tenants"
	// PathHold gives new Tenants their finalizer.
	PathHold = "/admission/tenancy/tenants/hold"
	// PathUnits validates BusinessUnits.
	PathUnits = "/admission/tenancy/businessunits"
)

// admission tells people at once, with the field's name, what the controllers
// would refuse a moment later. It only advises: while it is not there the API
// server goes on without it. It admits by what a cache has, and refuses only by
// what the API server has, because a tier or business unit that the same
// "kubectl apply" has just created is not in the cache. The controllers check again,
// and the envelope is held by compare-and-swap. What must hold even while
// Roadbed is stopped are native policies; see the folder guards.
type admission struct {
	*estate.Estate
	ledger *estate.Ledger
}

func admit(mgr manager.Manager, a *admission) {
	server := mgr.GetWebhookServer()
	server.Register(PathTenants, webhook.WithValidator[*v1alpha1.Tenant](mgr.GetScheme(), tenantAdmission{a}))
	server.Register(PathHold, &webhook.Webhook{Handler: webhook.HandlerFunc(hold)})
	server.Register(PathUnits, webhook.WithValidator[*v1alpha1.BusinessUnit](mgr.GetScheme(), unitAdmission{a}))
}

type tenantAdmission struct{ *admission }

var _ webhook.Validator[*v1alpha1.Tenant] = tenantAdmission{}

// ValidateCreate checks a new tenant.
func (a tenantAdmission) ValidateCreate(ctx context.Context, t *v1alpha1.Tenant) (webhook.Warnings, error) {
	return nil, a.check(ctx, t)
}

// ValidateUpdate checks a changed tenant. One whose spec stays as it is, or
// that is leaving, is not held up by what changed around it.
func (a tenantAdmission) ValidateUpdate(ctx context.Context, before, after *v1alpha1.Tenant) (webhook.Warnings, error) {
	if before.Generation == after.Generation || offboard.Leaving(after) || !after.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	var warnings webhook.Warnings
	for _, name := range droppedBy(before, after) {
		warnings = append(warnings, fmt.Sprintf("namespace %q is not deleted: it is %s", name, droppedMessage))
	}
	return warnings, a.check(ctx, after)
}

// ValidateDelete lets every deletion through and says what it does not do.
func (a tenantAdmission) ValidateDelete(_ context.Context, t *v1alpha1.Tenant) (webhook.Warnings, error) {
	if offboard.Offboarded(t) {
		return nil, nil
	}
	return webhook.Warnings{fmt.Sprintf("the namespaces of tenant %q stay, with their share of the envelope; \"roadbed tenant offboard %s\" is the procedure that deletes them", t.Name, t.Name)}, nil
}

func droppedBy(before, after *v1alpha1.Tenant) []string {
	kept := map[string]bool{}
	for _, place := range tenancy.Places(after) {
		kept[place.Namespace] = true
	}
	var dropped []string
	for _, place := range tenancy.Places(before) {
		if !kept[place.Namespace] {
			dropped = append(dropped, place.Namespace)
		}
	}
	return dropped
}

func (a tenantAdmission) check(ctx context.Context, t *v1alpha1.Tenant) error {
	w, errs, err := a.judge(ctx, func(w tenancy.World) field.ErrorList { return tenancy.Validate(t, w) })
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if len(errs) == 0 {
		total := quota.Effective(t, w.Tiers[t.Spec.Tier])
		errs = a.fits(ctx, t.Spec.BusinessUnit, field.NewPath("spec", "quota"), func(u *v1alpha1.BusinessUnit) error {
			_, err := quota.Reserve(u, estate.TenantHolder(t), total)
			return err
		})
	}
	return invalid(estate.KindTenant, t.Name, errs)
}

type unitAdmission struct{ *admission }

var _ webhook.Validator[*v1alpha1.BusinessUnit] = unitAdmission{}

// ValidateCreate checks a new business unit.
func (a unitAdmission) ValidateCreate(ctx context.Context, u *v1alpha1.BusinessUnit) (webhook.Warnings, error) {
	return nil, a.check(ctx, u)
}

// ValidateUpdate checks a changed business unit.
func (a unitAdmission) ValidateUpdate(ctx context.Context, before, after *v1alpha1.BusinessUnit) (webhook.Warnings, error) {
	if before.Generation == after.Generation || !after.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	return nil, a.check(ctx, after)
}

// ValidateDelete lets every deletion through: the controller holds on to a
// business unit that is in use.
func (a unitAdmission) ValidateDelete(context.Context, *v1alpha1.BusinessUnit) (webhook.Warnings, error) {
	return nil, nil
}

func (a unitAdmission) check(ctx context.Context, u *v1alpha1.BusinessUnit) error {
	_, errs, err := a.judge(ctx, func(w tenancy.World) field.ErrorList { return tenancy.ValidateUnit(u, w) })
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if len(errs) == 0 && u.Spec.Parent != "" {
		errs = a.fits(ctx, u.Spec.Parent, field.NewPath("spec", "envelope"), func(parent *v1alpha1.BusinessUnit) error {
			_, err := quota.Reserve(parent, estate.UnitHolder(u), u.Spec.Envelope)
			return err
		})
	}
	return invalid(estate.KindBusinessUnit, u.Name, errs)
}

// judge validates by what the cache has and, before anything is refused, once
// more by what the API server has. It returns the world that it judged by.
func (a *admission) judge(ctx context.Context, validate func(tenancy.World) field.ErrorList) (tenancy.World, field.ErrorList, error) {
	w, err := a.World(ctx)
	if err != nil {
		return tenancy.World{}, nil, err
	}
	if len(validate(w)) == 0 {
		return w, nil, nil
	}
	if w, err = a.WorldFrom(ctx, a.Live); err != nil {
		return tenancy.World{}, nil, err
	}
	return w, validate(w), nil
}

// fits tries a reservation in the business unit, as the cache has it, and
// blames the field if the envelope does not suffice.
func (a *admission) fits(ctx context.Context, unit string, path *field.Path, reserve func(*v1alpha1.BusinessUnit) error) field.ErrorList {
	var u v1alpha1.BusinessUnit
	if err := a.Client.Get(ctx, types.NamespacedName{Name: unit}, &u); err != nil {
		return nil // The controller will find out.
	}
	_, err := a.ledger.Next(ctx, &u, func(u *v1alpha1.BusinessUnit) ([]v1alpha1.Reservation, error) { return nil, reserve(u) })
	var exceeded *quota.EnvelopeError
	if !errors.As(err, &exceeded) {
		return nil
	}
	return field.ErrorList{field.Forbidden(path, exceeded.Error()).WithOrigin(tenancy.ReasonEnvelopeExceeded)}
}

func invalid(kind, name string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: kind}, name, errs)
}
