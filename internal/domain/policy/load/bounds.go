package load

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// timeouts reports waits for a webhook that no API server takes: the schema of the
// kind refuses them in a cluster, as Kyverno does.
func (d Document) timeouts() []Problem {
	var found []Problem
	for _, wait := range waitsOf(d.Object) {
		if wait.seconds == nil || *wait.seconds >= 1 && *wait.seconds <= 30 {
			continue
		}
		found = append(found, d.problem(wait.field, fmt.Sprintf("is %d; the API server waits 1 to 30 seconds for a webhook", *wait.seconds)))
	}
	return found
}

// wait is how long a policy wants the API server to wait, and the field that says so.
type wait struct {
	field   string
	seconds *int32
}

func waitsOf(object runtime.Object) []wait {
	switch p := object.(type) {
	case *kyvernov1.ClusterPolicy:
		return legacyWaits(p.Spec)
	case *kyvernov1.Policy:
		return legacyWaits(p.Spec)
	case *policiesv1.ValidatingPolicy:
		return waitOf(p.Spec.WebhookConfiguration)
	case *policiesv1.NamespacedValidatingPolicy:
		return waitOf(p.Spec.WebhookConfiguration)
	case *policiesv1.MutatingPolicy:
		return waitOf(p.Spec.WebhookConfiguration)
	case *policiesv1.NamespacedMutatingPolicy:
		return waitOf(p.Spec.WebhookConfiguration)
	case *policiesv1.ImageValidatingPolicy:
		return waitOf(p.Spec.WebhookConfiguration)
	case *policiesv1.NamespacedImageValidatingPolicy:
		return waitOf(p.Spec.WebhookConfiguration)
	}
	return nil
}

const timeoutField = "spec.webhookConfiguration.timeoutSeconds"

func waitOf(configuration *policiesv1.WebhookConfiguration) []wait {
	if configuration == nil {
		return nil
	}
	return []wait{{timeoutField, configuration.TimeoutSeconds}}
}

func legacyWaits(spec kyvernov1.Spec) []wait {
	all := []wait{{"spec.webhookTimeoutSeconds", spec.WebhookTimeoutSeconds}}
	if spec.WebhookConfiguration != nil {
		all = append(all, wait{timeoutField, spec.WebhookConfiguration.TimeoutSeconds})
	}
	return all
}
