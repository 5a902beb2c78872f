package enforce

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// controller puts the policies of one kind in force.
type controller[T steps.Object] struct {
	kind kind[T]
	*keeper
	enforcement Enforcement
	// judges tells whether a webhook of Roadbed's judges by policies that the
	// API server cannot evaluate.
	judges bool
	kinds  Kinder
}

func (c *controller[T]) steps() []steps.Step[T] {
	return []steps.Step[T]{
		{Condition: ConditionCompiled, Run: c.compile},
		{Condition: ConditionEnforced, Run: c.enforce},
	}
}

// compile finds what is wrong with the policy, and touches nothing.
func (c *controller[T]) compile(ctx context.Context, p T) steps.Result {
	evaluator, err := c.kind.compile(p)
	if err != nil {
		return steps.Blocked(ReasonInvalid, err.Error())
	}
	info := evaluator.Info()
	message := fmt.Sprintf("The policy is %s and has %s.", info.Tier, counted(len(info.Rules), "rule"))
	reason := ReasonCompiled
	vain := inVain(ctx, c.kinds, evaluator, p)
	if len(vain) > 0 {
		reason, message = ReasonInVain, fmt.Sprintf("%s Selected in vain: %s.", message, strings.Join(vain, "; "))
	}
	if missing := c.kind.missing(p); len(missing) > 0 {
		reason, message = ReasonInPart, fmt.Sprintf("%s Not applied: %s.", message, strings.Join(missing, "; "))
	}
	result := steps.Done(reason, message)
	if len(vain) > 0 {
		result.After = untilLooked
	}
	return result
}

// enforce brings the native objects about, or takes them away.
func (c *controller[T]) enforce(ctx context.Context, p T) steps.Result {
	left, err := c.enforcement.Left(ctx, c.client)
	if err != nil {
		return steps.Failed(ReasonWriteFailed, err)
	}
	if left != "" {
		return c.leave(ctx, p, policiesv1.ReasonLeftToKyverno, "Not enforced by Roadbed: "+left+".")
	}
	waivers, err := c.waivers(ctx, native.Key(p))
	if err != nil {
		return steps.Failed(ReasonWriteFailed, err)
	}
	objects, reason, err := c.kind.native(p, native.Options{Waivers: waivers})
	if err != nil {
		return steps.Blocked(ReasonInvalid, err.Error())
	}
	if reason != "" {
		return c.elsewhere(ctx, p, reason)
	}
	why := fmt.Sprintf("%s %q is enforced by the API server.", c.kind.name, native.Key(p))
	if err := c.put(ctx, objects, why); err != nil {
		return refusal(err)
	}
	if err := c.prune(ctx, c.source(), native.Key(p), c.kind.mutating, objects, why); err != nil {
		return steps.Failed(ReasonWriteFailed, err)
	}
	c.kind.generated(p, true)
	return steps.Done(ReasonNative, fmt.Sprintf("The API server judges requests by it, as %s.", objects[0].GetName()))
}

// elsewhere is for policies that the API server cannot evaluate.
func (c *controller[T]) elsewhere(ctx context.Context, p T, reason native.Reason) steps.Result {
	switch {
	case reason == native.OffAtAdmission || reason == native.AboutJSON || reason == native.AboutExisting:
		return c.leave(ctx, p, ReasonScansOnly, fmt.Sprintf("No request is judged by it: %s.", reason))
	case c.judges && c.kind.legacy:
		return c.leave(ctx, p, ReasonLegacy, fmt.Sprintf("Roadbed's webhook judges requests by it, in the legacy lane: %s.%s", reason, besideSystem(p)))
	case c.judges:
		return c.leave(ctx, p, ReasonEngine, fmt.Sprintf("Roadbed's webhook judges requests by it, in the engine lane: %s.%s", reason, besideSystem(p)))
	}
	if result := c.leave(ctx, p, ReasonNotEnforced, ""); result.Err != nil {
		return result
	}
	if tier, err := policy.TierOf(p.GetLabels(), p.GetAnnotations(), policy.Audit); err == nil && !tier.Blocks() {
		return steps.Done(ReasonNotEnforced, fmt.Sprintf("Scans and the command line judge by it, and requests pass without a warning: %s.", reason))
	}
	return steps.Blocked(ReasonNotEnforced, fmt.Sprintf("The API server cannot evaluate it: %s. Scans and the command line still do.", reason))
}

// besideSystem says of a policy that is to include the system's namespaces that a
// webhook never does.
func besideSystem(p client.Object) string {
	if !policy.IncludesSystem(p.GetLabels()) {
		return ""
	}
	return fmt.Sprintf(" It does not concern %s: those never depend on a webhook.", strings.Join(policy.SystemNamespaces(), " and "))
}

// leave takes away what is in force for the policy.
func (c *controller[T]) leave(ctx context.Context, p T, reason, message string) steps.Result {
	if err := c.prune(ctx, c.source(), native.Key(p), c.kind.mutating, nil, "The policy is not enforced by the API server any longer: "+message); err != nil {
		return steps.Failed(ReasonWriteFailed, err)
	}
	c.kind.generated(p, false)
	return steps.Done(reason, message)
}

// source is what the native objects' label says.
func (c *controller[T]) source() string { return native.Source(c.kind.name) }

// refusal tells what the policy's author can change from what is tried again.
func refusal(err error) steps.Result {
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		return steps.Blocked(ReasonRefused, fmt.Sprintf("The API server refuses the native policy, and what was in force stays: %v", err))
	}
	return steps.Failed(ReasonWriteFailed, err)
}

// counted is a number and what it counts.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
