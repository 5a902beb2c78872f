package estate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// A namespace's gate is the condition Isolated in its status: native admission
// lets pods in only while it is True. It is opened when every guardrail exists
// and the API server enforces the quota, and closed, before anything else is
// done, when a guardrail is missing. A quota that was changed stays in force
// with its old amounts until the new ones are, so that does not close it.

// ReasonGuardrailMissing is the reason of a Namespace's closed gate.
const ReasonGuardrailMissing = "GuardrailMissing"

// guardrails are the objects without which a namespace is not isolated.
func guardrails(namespace string) []client.Object {
	at := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	return []client.Object{
		&corev1.ResourceQuota{ObjectMeta: at(namespace + "-quota")},
		&corev1.LimitRange{ObjectMeta: at(namespace + "-limits")},
		&networkingv1.NetworkPolicy{ObjectMeta: at(tenancy.PolicyDefaultDeny)},
		&networkingv1.NetworkPolicy{ObjectMeta: at(tenancy.PolicyPlatform)},
	}
}

// Isolation is how far a namespace's isolation is.
type Isolation struct {
	// missing says what does not exist; the gate must be closed.
	missing string
	// pending says what is not in force yet; the gate is not opened for it.
	pending string
}

// Complete says whether the gate may be opened.
func (i Isolation) Complete() bool { return i.missing == "" && i.pending == "" }

// Message says what is wanting.
func (i Isolation) Message() string { return i.missing + i.pending }

// Inspect looks at a namespace's guardrails.
func (c *Estate) Inspect(ctx context.Context, namespace string) (Isolation, error) {
	for _, guardrail := range guardrails(namespace) {
		name := guardrail.GetName()
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(guardrail), guardrail, client.UnsafeDisableDeepCopy)
		switch {
		case apierrors.IsNotFound(err):
			return Isolation{missing: fmt.Sprintf("%q is missing", name)}, nil
		case err != nil:
			return Isolation{}, fmt.Errorf("read %q of namespace %q: %w", name, namespace, err)
		}
		if quota, ok := guardrail.(*corev1.ResourceQuota); ok {
			if found := inForce(quota); !found.Complete() {
				return found, nil
			}
		}
	}
	return Isolation{}, nil
}

// inForce compares what a quota says with what the API server enforces: until
// the quota controller has filled the status, admission ignores the quota.
func inForce(q *corev1.ResourceQuota) Isolation {
	for _, name := range slices.Sorted(maps.Keys(q.Spec.Hard)) {
		if _, live := q.Status.Hard[name]; !live {
			return Isolation{missing: fmt.Sprintf("quota %q does not enforce %s yet", q.Name, name)}
		}
	}
	if !equality.Semantic.DeepEqual(q.Spec.Hard, q.Status.Hard) {
		return Isolation{pending: fmt.Sprintf("quota %q does not enforce its new amounts yet", q.Name)}
	}
	return Isolation{}
}

// Isolated says whether the namespace's gate is open.
func Isolated(ns *corev1.Namespace) bool {
	for _, condition := range ns.Status.Conditions {
		if condition.Type == v1alpha1.ConditionIsolated {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// CloseBroken closes the gate of each namespace that lacks a guardrail. holder
// is whom the trail names.
func (c *Estate) CloseBroken(ctx context.Context, holder client.Object, kind string, namespaces map[string]*corev1.Namespace) error {
	for _, name := range slices.Sorted(maps.Keys(namespaces)) {
		ns := namespaces[name]
		if !Isolated(ns) || !ns.DeletionTimestamp.IsZero() {
			continue
		}
		found, err := c.Inspect(ctx, name)
		if err != nil {
			return err
		}
		if found.missing == "" {
			continue
		}
		reason := fmt.Sprintf("namespace %q admits no more pods: %s", name, found.missing)
		if err := c.Record(ctx, "namespace.close", holder, kind, reason, ""); err != nil {
			return err
		}
		if err := c.setGate(ctx, name, corev1.ConditionFalse, ReasonGuardrailMissing, found.missing); err != nil {
			return err
		}
	}
	return nil
}

// Open opens the gates of the namespaces, whose guardrails are in force.
func (c *Estate) Open(ctx context.Context, holder client.Object, kind string, namespaces []string) error {
	if len(namespaces) == 0 {
		return nil
	}
	reason := fmt.Sprintf("every guardrail is in force, so pods may start in %s", strings.Join(namespaces, ", "))
	if err := c.Record(ctx, "namespace.open", holder, kind, reason, ""); err != nil {
		return err
	}
	for _, name := range namespaces {
		if err := c.setGate(ctx, name, corev1.ConditionTrue, tenancy.ReasonIsolated, "every guardrail exists and the quota is enforced"); err != nil {
			return err
		}
	}
	return nil
}

// setGate writes the condition and leaves the namespace's others alone.
func (c *Estate) setGate(ctx context.Context, namespace string, status corev1.ConditionStatus, reason, message string) error {
	body, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []corev1.NamespaceCondition{{
		Type: v1alpha1.ConditionIsolated, Status: status, Reason: reason, Message: message,
		LastTransitionTime: metav1.NewTime(c.Clock.Now().Truncate(time.Second)),
	}}}})
	if err != nil {
		return fmt.Errorf("encode the condition of namespace %q: %w", namespace, err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := c.Client.Status().Patch(ctx, ns, client.RawPatch(types.StrategicMergePatchType, body)); err != nil {
		return fmt.Errorf("write the condition of namespace %q: %w", namespace, err)
	}
	return nil
}
