package enforce

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	webhook "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// Path is where the webhook for a kind is served, by the kind's plural.
func Path(plural string) string { return "/admission/policy/" + plural }

// admission refuses policies that do not compile, with the path of the field.
// It may be absent: then the policy's condition says the same.
type admission[T steps.Object] struct {
	kind  kind[T]
	kinds Kinder
}

func admit[T steps.Object](mgr manager.Manager, k kind[T], kinds Kinder) {
	mgr.GetWebhookServer().Register(Path(k.plural), webhook.WithValidator[T](mgr.GetScheme(), admission[T]{k, kinds}))
}

// ValidateCreate checks a new policy.
func (a admission[T]) ValidateCreate(ctx context.Context, p T) (webhook.Warnings, error) {
	return a.check(ctx, p)
}

// ValidateUpdate checks a policy whose spec changed. What is wrong already may
// still be labelled, or deleted.
func (a admission[T]) ValidateUpdate(ctx context.Context, before, after T) (webhook.Warnings, error) {
	if before.GetGeneration() == after.GetGeneration() || !after.GetDeletionTimestamp().IsZero() {
		return nil, nil
	}
	return a.check(ctx, after)
}

// ValidateDelete lets every deletion through.
func (admission[T]) ValidateDelete(context.Context, T) (webhook.Warnings, error) { return nil, nil }

// check warns of what a policy asks for and does not get.
func (a admission[T]) check(ctx context.Context, p T) (webhook.Warnings, error) {
	evaluator, err := a.kind.compile(p)
	if err == nil {
		return append(a.kind.missing(p), a.inVain(ctx, evaluator, p)...), nil
	}
	return a.kind.missing(p), apierrors.NewInvalid(a.kind.gvk().GroupKind(), p.GetName(), fields(err))
}

// inVain looks twice: a kind may be served since a moment ago.
func (a admission[T]) inVain(ctx context.Context, evaluator policy.Evaluator, p T) []string {
	found := inVain(ctx, a.kinds, evaluator, p)
	if len(found) == 0 {
		return nil
	}
	a.kinds.Forget()
	return inVain(ctx, a.kinds, evaluator, p)
}

// fields tells what is wrong by the path of each field.
func fields(err error) field.ErrorList {
	var all field.ErrorList
	if old, ok := errors.AsType[legacy.FaultsError](err); ok {
		for _, fault := range old {
			all = append(all, field.Invalid(field.NewPath(fault.Field), field.OmitValueType{}, fault.Message))
		}
		return all
	}
	var faults engine.FaultsError
	if !errors.As(err, &faults) {
		return field.ErrorList{field.Invalid(field.NewPath("spec"), field.OmitValueType{}, err.Error())}
	}
	for _, fault := range faults {
		message := fault.Message
		if fault.Line > 0 {
			message = fmt.Sprintf("line %d, column %d: %s", fault.Line, fault.Column, message)
		}
		all = append(all, field.Invalid(field.NewPath(fault.Field), field.OmitValueType{}, message))
	}
	return all
}
