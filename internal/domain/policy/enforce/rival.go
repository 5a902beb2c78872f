package enforce

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Enforcement says who puts policies of Kyverno's kinds in force.
type Enforcement string

// The ways to enforce.
const (
	// EnforceAuto leaves policies to a Kyverno that runs in the cluster, and
	// enforces them where there is none.
	EnforceAuto Enforcement = "auto"
	// EnforceRoadbed enforces whether or not there is a Kyverno.
	EnforceRoadbed Enforcement = "roadbed"
	// EnforceKyverno leaves policies to Kyverno, whether or not it runs.
	EnforceKyverno Enforcement = "kyverno"
)

// Enforcements are all ways to enforce.
func Enforcements() []Enforcement { return []Enforcement{EnforceAuto, EnforceRoadbed, EnforceKyverno} }

// RivalLabel and RivalManager mark the webhooks that a running Kyverno keeps.
const (
	RivalLabel   = "webhook.kyverno.io/managed-by"
	RivalManager = "kyverno"
)

// rivalHooks are Kyverno's webhooks as the cache has them.
func rivalHooks() *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfigurationList"))
	return list
}

// Rival names the webhook configuration by which a Kyverno enforces policies in
// the cluster; empty where none does.
func Rival(ctx context.Context, reader client.Reader) (string, error) {
	list := rivalHooks()
	if err := reader.List(ctx, list, client.MatchingLabels{RivalLabel: RivalManager}); err != nil {
		return "", fmt.Errorf("look for Kyverno's webhooks: %w", err)
	}
	first := ""
	for i := range list.Items {
		if name := list.Items[i].Name; first == "" || name < first {
			first = name
		}
	}
	return first, nil
}

// Left says why policies are left to Kyverno; empty when Roadbed enforces them.
func (e Enforcement) Left(ctx context.Context, reader client.Reader) (string, error) {
	switch e {
	case EnforceRoadbed:
		return "", nil
	case EnforceKyverno:
		return "Roadbed was told to leave it to Kyverno by --policy-enforcement=kyverno", nil
	case EnforceAuto:
	}
	rival, err := Rival(ctx, reader)
	if err != nil || rival == "" {
		return "", err
	}
	return fmt.Sprintf("Kyverno runs here, as its webhook configuration %s tells, and enforces it; --policy-enforcement=roadbed changes that", rival), nil
}
