package claim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/expression"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/revision"
)

// Order is a claim with everything that says what it means.
type Order struct {
	Capability *v1alpha1.Capability
	Revision   *v1alpha1.CapabilityRevision
	Input      provision.Input
	Policy     v1alpha1.DeletionPolicy
	Cost       *v1alpha1.ClaimCost
	maker      *Maker
	// back is that the claim was rendered by a later revision before.
	back bool
}

// RefusedError says why a claim cannot be provisioned as it is.
type RefusedError struct {
	// Reason is the condition's.
	Reason string
	// Pending is true when it may pass by itself.
	Pending bool
	Message string
}

// Error is the message.
func (e *RefusedError) Error() string { return e.Message }

func refuse(reason, format string, args ...any) error {
	return &RefusedError{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// orders finds out what claims mean.
type orders struct {
	// read reads Capabilities, revisions and namespaces, direct reads claims in
	// versions other than the stored one.
	read, direct client.Reader
	makers       *Makers
}

// tenantOf is the tenant that a namespace belongs to.
func tenantOf(namespace client.Object) provision.Tenant {
	label := func(key string) string { return namespace.GetLabels()[key] }
	return provision.Tenant{
		Name: label(tenancyv1alpha1.LabelTenant), BusinessUnit: label(tenancyv1alpha1.LabelBusinessUnit),
		Tier: label(tenancyv1alpha1.LabelTier), Environment: label(tenancyv1alpha1.LabelEnvironment),
		DataClass: label(tenancyv1alpha1.LabelDataClass), Namespace: namespace.GetName(),
	}
}

// order finds out what a claim means. A *RefusedError is for the user.
func (o *orders) order(ctx context.Context, capability string, claim *Claim) (*Order, error) {
	c := &v1alpha1.Capability{}
	if err := o.read.Get(ctx, client.ObjectKey{Name: capability}, c); err != nil {
		return nil, fmt.Errorf("read capability %q: %w", capability, err)
	}
	namespace := &corev1.Namespace{}
	if err := o.read.Get(ctx, client.ObjectKey{Name: claim.GetNamespace()}, namespace); err != nil {
		return nil, fmt.Errorf("read namespace %q: %w", claim.GetNamespace(), err)
	}
	tenant := tenantOf(namespace)
	if tenant.Name == "" {
		return nil, refuse(ReasonNoTenant, "namespace %q belongs to no tenant: make the claim in a tenant's namespace", namespace.Name)
	}
	version, err := versionOf(c, claim)
	if err != nil {
		return nil, err
	}
	chosen, back, err := o.choose(ctx, c, version, tenant, claim)
	if err != nil {
		return nil, err
	}
	own, err := o.inVersion(ctx, claim, version)
	if err != nil {
		return nil, err
	}
	maker, err := o.makers.For(chosen)
	if err != nil {
		return nil, refuse(ReasonInvalidProvisioner, "revision %q cannot be rendered, which is for the team %s to repair: %v", chosen.Name, c.Spec.Owner.Team, err)
	}
	made := &Order{Capability: c, Revision: chosen, maker: maker, back: back, Input: inputOf(c.Name, chosen, tenant, own)}
	made.Input.Parameters = maker.Parameters
	if made.Policy, err = policyOf(claim.platform().DeletionPolicy, tenant, maker); err != nil {
		return nil, err
	}
	made.Cost, err = costOf(ctx, chosen, own)
	return made, err
}

// versionOf is the version that a claim is of: the one it was made in, or the
// one that its label says since.
func versionOf(c *v1alpha1.Capability, claim *Claim) (string, error) {
	name := cmp.Or(claim.GetLabels()[v1alpha1.LabelVersion], claim.GroupVersionKind().Version)
	var living []string
	for i := range c.Spec.Versions {
		if v := &c.Spec.Versions[i]; v.Stage != v1alpha1.StageRemoved {
			if v.Name == name {
				return name, nil
			}
			living = append(living, v.Name)
		}
	}
	return "", refuse(ReasonVersionUnavailable, "capability %q has no version %q: set the label %s to one of %s", c.Name, name, v1alpha1.LabelVersion, strings.Join(living, ", "))
}

// choose is the revision that the claim is rendered by. back says that it was
// rendered by a later one of its version before.
func (o *orders) choose(ctx context.Context, c *v1alpha1.Capability, version string, tenant provision.Tenant, claim *Claim) (chosen *v1alpha1.CapabilityRevision, back bool, err error) {
	var all v1alpha1.CapabilityRevisionList
	if err := o.read.List(ctx, &all); err != nil {
		return nil, false, fmt.Errorf("list revisions: %w", err)
	}
	platform, current, known := claim.platform(), claim.status().Revision, revision.Of(all.Items, c.Name, version)
	chosen, err = revision.Target(revision.Wish{
		Revision: platform.Revision, Pinned: platform.Updates == v1alpha1.UpdatesPinned,
		Current: current, Wave: revision.WaveOf(c.Spec.Rollout, tenant.Tier),
	}, known)
	switch {
	case err != nil:
		return nil, false, refuse(ReasonRevisionUnknown, "%v", err)
	case chosen == nil:
		return nil, false, &RefusedError{Reason: ReasonRevisionPending, Pending: true, Message: fmt.Sprintf("version %q of capability %q has no revision for tier %q yet", version, c.Name, tenant.Tier)}
	}
	back = slices.ContainsFunc(known, func(r *v1alpha1.CapabilityRevision) bool {
		return r.Name == current && r.Spec.Number > chosen.Spec.Number
	})
	return chosen, back, nil
}

// inVersion is the claim in its own version of the capability.
func (o *orders) inVersion(ctx context.Context, claim *Claim, version string) (*unstructured.Unstructured, error) {
	if claim.GroupVersionKind().Version == version {
		return claim.Unstructured, nil
	}
	own := &unstructured.Unstructured{}
	own.SetGroupVersionKind(claim.GroupVersionKind().GroupKind().WithVersion(version))
	err := o.direct.Get(ctx, client.ObjectKeyFromObject(claim), own)
	if apierrors.IsNotFound(err) {
		return nil, refuse(ReasonVersionUnavailable, "the claim cannot be read in version %q", version)
	}
	if err != nil {
		return nil, fmt.Errorf("read the claim in version %q: %w", version, err)
	}
	return own, nil
}

func inputOf(capability string, r *v1alpha1.CapabilityRevision, tenant provision.Tenant, claim *unstructured.Unstructured) provision.Input {
	spec, _, _ := unstructured.NestedMap(claim.Object, "spec") // a copy
	if spec == nil {
		spec = map[string]any{}
	}
	delete(spec, "platform")
	return provision.Input{
		Claim: claim, Capability: capability, Version: r.Spec.Version, Revision: r.Name, Tenant: tenant, Spec: spec,
	}
}

// policyOf is the deletion policy that a claim says, or else the tenant's data
// class: restricted data is kept, confidential data saved first where that is
// possible and else kept, other data deleted.
func policyOf(said v1alpha1.DeletionPolicy, tenant provision.Tenant, maker *Maker) (v1alpha1.DeletionPolicy, error) {
	if said == v1alpha1.DeletionSnapshot && !maker.Saves() {
		return "", refuse(ReasonPolicyUnsupported, "spec.platform.deletionPolicy: this capability cannot save what it deletes: choose Retain or Delete")
	}
	if said != "" {
		return said, nil
	}
	switch strings.ToLower(tenant.DataClass) {
	case "restricted":
		return v1alpha1.DeletionRetain, nil
	case "confidential":
		if maker.Saves() {
			return v1alpha1.DeletionSnapshot, nil
		}
		return v1alpha1.DeletionRetain, nil
	}
	return v1alpha1.DeletionDelete, nil
}

// costOf is what the claim costs, nil when it is free.
func costOf(ctx context.Context, r *v1alpha1.CapabilityRevision, claim *unstructured.Unstructured) (*v1alpha1.ClaimCost, error) {
	price := r.Spec.Price
	if price == nil {
		return nil, nil
	}
	amount, ok := new(big.Rat).SetString(price.Amount)
	if !ok {
		return nil, refuse(ReasonInvalidProvisioner, "price.amount: %q is no number", price.Amount)
	}
	if price.Factor != "" {
		factor, err := expression.Number(ctx, "price.factor", price.Factor, claim.Object)
		if err != nil {
			return nil, refuse(ReasonInvalidProvisioner, "%v", err)
		}
		amount.Mul(amount, factor)
	}
	text := amount.FloatString(6)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return &v1alpha1.ClaimCost{Amount: text, Currency: price.Currency, Per: cmp.Or(price.Per, "Month")}, nil
}

// refusedBy turns an error into what the user is told; ok is false when it is
// ours and is tried again.
func refusedBy(err error) (*RefusedError, bool) {
	return errors.AsType[*RefusedError](err)
}

// kindOf is the kind that claims are stored in.
func kindOf(c *v1alpha1.Capability) (schema.GroupVersionKind, bool) {
	stored := capability.Storage(c)
	if stored == nil {
		return schema.GroupVersionKind{}, false
	}
	return capability.Kind(c, stored.Name), true
}
