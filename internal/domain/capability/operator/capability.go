package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/contract"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/conversion"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/deed"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// capabilities makes Capabilities true.
type capabilities struct {
	*registry
	waker *waker
	deeds *deed.Book
}

func (c *capabilities) steps() []steps.Step[*v1alpha1.Capability] {
	return []steps.Step[*v1alpha1.Capability]{
		{Condition: capability.ConditionAccepted, Run: c.accept},
		{Condition: capability.ConditionContracted, Run: c.contracted},
		{Condition: capability.ConditionPublished, Run: c.publish},
		{Condition: capability.ConditionServed, Run: c.served},
		{Condition: capability.ConditionAvailable, Run: c.available},
	}
}

func (c *capabilities) accept(ctx context.Context, published *v1alpha1.Capability) steps.Result {
	if errs := capability.Validate(published); len(errs) > 0 {
		return steps.Blocked(capability.ReasonInvalidSpec, errs.ToAggregate().Error())
	}
	if err := conversion.Check(published); err != nil {
		return steps.Blocked(capability.ReasonInvalidSpec, "spec.versions: conversions: "+err.Error())
	}
	all, err := c.all(ctx)
	if err != nil {
		return steps.Failed(capability.ReasonInvalidSpec, err)
	}
	if other := rival(published, all); other != nil {
		return steps.Blocked(capability.ReasonNameTaken, fmt.Sprintf(
			"capability %q has the kind %s or the API %q already: choose other names", other.Name, capability.Definition(other), capability.API(other)))
	}
	for _, name := range published.Spec.DependsOn {
		if !slices.ContainsFunc(all, func(other v1alpha1.Capability) bool { return other.Name == name }) {
			return steps.Blocked(capability.ReasonDependencyMissing, fmt.Sprintf("capability %q, which this one depends on, does not exist: publish it first", name))
		}
	}
	return steps.Done(capability.ReasonAccepted, "The Capability can be published as it is.")
}

// contracted holds what is published against the spec, so that a contract holds
// even where admission was not asked.
func (c *capabilities) contracted(ctx context.Context, published *v1alpha1.Capability) steps.Result {
	live, err := c.definition(ctx, published)
	if err != nil {
		return steps.Failed(capability.ReasonPublishFailed, err)
	}
	for _, v := range capability.Living(published) {
		status := capability.VersionStatus(published, v.Name)
		if status == nil || !status.WasGA || live == nil {
			continue
		}
		breaks, err := brokenBy(live, v)
		if err != nil {
			return steps.Failed(capability.ReasonContractBroken, err)
		}
		if len(breaks) > 0 {
			return steps.Blocked(capability.ReasonContractBroken, fmt.Sprintf(
				"version %q was ga, and its contract holds; undo the change and publish another version:\n%s", v.Name, contract.Words(breaks)))
		}
	}
	if err := c.keep(published); err != nil {
		return steps.Failed(capability.ReasonContractBroken, err)
	}
	return steps.Done(capability.ReasonContracted, "The contracts of all versions hold.")
}

// publish makes the cluster contain what follows from the Capability: guards of
// alpha versions first, the kind after them, then rights, route and documents.
func (c *capabilities) publish(ctx context.Context, published *v1alpha1.Capability) steps.Result {
	around := c.surroundings()
	planned, err := capability.Plan(published, c.Settings, around)
	if errors.Is(err, capability.ErrNoWebhook) {
		return steps.Blocked(capability.ReasonConversionUnavailable, err.Error())
	}
	if err != nil {
		return steps.Failed(capability.ReasonPublishFailed, err)
	}
	if err := c.waker.follow(drifting(around)); err != nil {
		return steps.Failed(capability.ReasonPublishFailed, err)
	}
	before := apply.WithBefore(func(ctx context.Context, _ apply.Ref) error { return c.publishing(ctx, published) })
	applier := apply.New(c.client, c.live, before, apply.WithSurplus(overdone))
	if _, err := applier.Apply(ctx, planned.Gates); err != nil {
		return steps.Failed(capability.ReasonPublishFailed, err)
	}
	if err := c.define(ctx, published, planned.Definition); err != nil {
		return defined(err)
	}
	if _, err := applier.Apply(ctx, planned.Objects()); err != nil {
		if apierrors.IsForbidden(err) {
			return unwatched(steps.Blocked(capability.ReasonRightsMissing, fmt.Sprintf(
				"Roadbed may not hand out rights to API group %q, because it has none itself: bind its user to a cluster role with all verbs on that group (%v)", capability.Group(published), err)))
		}
		return steps.Failed(capability.ReasonPublishFailed, err)
	}
	if planned.Objectives != nil {
		slos := client.ApplyConfigurationFromUnstructured(planned.Objectives)
		if err := c.client.Apply(ctx, slos, client.FieldOwner(apply.FieldManager), client.ForceOwnership); err != nil {
			return steps.Failed(capability.ReasonPublishFailed, fmt.Errorf("apply the SLOs: %w", err))
		}
	}
	kept, err := capability.ConsumersOf(published, c.Settings, nil)
	if err != nil {
		return steps.Failed(capability.ReasonPublishFailed, err)
	}
	if _, err := applier.Prune(ctx, c.inventory(published), append(planned.Objects(), kept)); err != nil {
		return steps.Failed(capability.ReasonPublishFailed, err)
	}
	c.note(published, planned)
	return steps.Done(capability.ReasonPublished, whatIs(planned))
}

// whatIs says what is there, and what of it needs Roadbed to be up.
func whatIs(planned *capability.Planned) string {
	text := fmt.Sprintf("Kind %s, rights and documents are there", planned.Definition.Name)
	if len(planned.Routes) > 0 {
		text += ", and a route at the gateway"
	} else {
		text += "; the cluster has no Gateway API, so there is no route"
	}
	if planned.Definition.Spec.Conversion.Strategy == apiextensionsv1.WebhookConverter {
		text += ". Roadbed converts between the versions: while it is down, claims are served only in the version that is stored, and none is taken in another"
	}
	return text + "."
}

// note says in the status where things are.
func (c *capabilities) note(published *v1alpha1.Capability, planned *capability.Planned) {
	published.Status.CRD = planned.Definition.Name
	published.Status.Documents = planned.Documents.Namespace + "/" + planned.Documents.Name
	published.Status.Route = ""
	if len(planned.Routes) > 0 {
		published.Status.Route = c.Settings.Namespace + "/" + capability.RouteName(published)
	}
}

// served waits for the API server, and counts claims.
func (c *capabilities) served(ctx context.Context, published *v1alpha1.Capability) steps.Result {
	live, err := c.definition(ctx, published)
	if err != nil {
		return steps.Failed(capability.ReasonNotServedYet, err)
	}
	if live == nil || !established(live) {
		return steps.Waiting(capability.ReasonNotServedYet, fmt.Sprintf("the API server has not taken %s up yet", capability.Definition(published)), 0).Briefly()
	}
	claims, err := c.byVersion(ctx, published)
	if err != nil {
		return steps.Failed(capability.ReasonNotServedYet, err)
	}
	if err := c.count(ctx, published, claims); err != nil {
		return steps.Failed(capability.ReasonPublishFailed, err)
	}
	done := steps.Done(capability.ReasonServed, fmt.Sprintf("The API server serves %s.", live.Name))
	done.After = consumersAgain
	return done
}

func established(crd *apiextensionsv1.CustomResourceDefinition) bool {
	for _, condition := range crd.Status.Conditions {
		if condition.Type == apiextensionsv1.Established {
			return condition.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}

// leave takes away what was published once nothing is claimed any more.
func (c *capabilities) leave(ctx context.Context, published *v1alpha1.Capability) steps.Result {
	claims, err := c.claims(ctx, published)
	if err != nil {
		return steps.Failed(capability.ReasonInUse, err)
	}
	if len(claims) > 0 {
		return steps.Waiting(capability.ReasonInUse, fmt.Sprintf("%d claims are left: they must be deleted first", len(claims)), retry)
	}
	live, err := c.definition(ctx, published)
	if err != nil {
		return steps.Failed(capability.ReasonInUse, err)
	}
	if live != nil && live.Labels[v1alpha1.LabelCapability] == published.Name {
		if err := c.record(ctx, published, ActionWithdraw, "The Capability was deleted, and nothing is claimed of it."); err != nil {
			return steps.Failed(capability.ReasonTrailUnavailable, err)
		}
		err := c.client.Delete(ctx, live, client.Preconditions{UID: &live.UID, ResourceVersion: &live.ResourceVersion})
		if client.IgnoreNotFound(err) != nil {
			return steps.Failed(capability.ReasonInUse, fmt.Errorf("delete %s: %w", live.Name, err))
		}
	}
	if _, err := apply.New(c.client, c.live).Prune(ctx, c.inventory(published), nil); err != nil {
		return steps.Failed(capability.ReasonInUse, err)
	}
	return steps.Done(capability.ReasonWithdrawn, "Everything that followed from the Capability is gone.")
}
