package app

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	capabilityv1alpha1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	offers "github.com/roadbed-dev/roadbed/internal/domain/capability/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/operator"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// The configurations of the webhooks that advise.
const (
	tenancyHooks = "roadbed-tenancy"
	policyHooks  = "roadbed-policy-advice"
	// capabilityHooks hold what is promised of stages, and fail closed.
	capabilityHooks = "roadbed-capability"
)

// reach says how the API server reaches a path.
type reach func(path string) admissionv1.WebhookClientConfig

// webhookRights let Roadbed say where its own webhooks are, and no others'.
func webhookRights() []client.Object {
	const name = "roadbed:webhooks"
	return []client.Object{
		&rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{admissionv1.GroupName}, Resources: []string{"validatingwebhookconfigurations"},
				ResourceNames: []string{tenancyHooks, policyHooks, capabilityHooks}, Verbs: []string{"get", "update", "patch"},
			}, {
				APIGroups: []string{admissionv1.GroupName}, Resources: []string{"mutatingwebhookconfigurations"},
				ResourceNames: []string{tenancyHooks}, Verbs: []string{"get", "update", "patch"},
			}},
		},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: identity.Roadbed}},
		},
	}
}

// installedWebhooks are the configurations before the server first runs: they
// reach nobody, which the failure policy allows for.
func installedWebhooks(opts InstallOptions) []client.Object {
	nowhere := func(path string) admissionv1.WebhookClientConfig {
		if opts.Webhook == WebhookService {
			return serviceClientConfig(path, nil)
		}
		return admissionv1.WebhookClientConfig{URL: new("https://127.0.0.1:1" + path)}
	}
	objects := []client.Object{holding(nowhere)}
	for _, configuration := range advice(nowhere) {
		if configuration.Name == capabilityHooks && !opts.FeatureGates[capabilities.Gate] {
			continue
		}
		objects = append(objects, configuration)
	}
	return objects
}

// advice asks Roadbed's opinion of tenants, business units and policies, early.
// Ignore is safe because the controllers check again: a policy that is wrong is
// never in force.
func advice(at reach) []*admissionv1.ValidatingWebhookConfiguration {
	tenancy := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: tenancyHooks},
		Webhooks: []admissionv1.ValidatingWebhook{
			tenancyHook("businessunits", at(operator.PathUnits)), tenancyHook("tenants", at(operator.PathTenants)),
		},
	}
	policies := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: policyHooks}}
	for _, kind := range enforce.Kinds() {
		policies.Webhooks = append(policies.Webhooks, policyHook(kind, at(enforce.Path(kind.Plural))))
	}
	return []*admissionv1.ValidatingWebhookConfiguration{tenancy, policies, {
		ObjectMeta: metav1.ObjectMeta{Name: capabilityHooks},
		Webhooks: []admissionv1.ValidatingWebhook{
			capabilityHook("capabilities", at(offers.PathCapabilities)), capabilityHook("featureflags", at(offers.PathFlags)),
		},
	}}
}

// holding gives new tenants their finalizer. Ignore is safe because the
// controller gives it to those that lack it.
func holding(at reach) *admissionv1.MutatingWebhookConfiguration {
	hook := tenancyHook("tenants", at(operator.PathHold))
	return &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: tenancyHooks},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: hook.Name, ClientConfig: hook.ClientConfig, FailurePolicy: hook.FailurePolicy, SideEffects: hook.SideEffects,
			TimeoutSeconds: hook.TimeoutSeconds, AdmissionReviewVersions: hook.AdmissionReviewVersions,
			Rules: []admissionv1.RuleWithOperations{{Operations: []admissionv1.OperationType{admissionv1.Create}, Rule: hook.Rules[0].Rule}},
		}},
	}
}

// capabilityHook fails closed: nothing else holds the promises of stages before a
// write. Roadbed's own writes to them are asked about too.
func capabilityHook(resource string, at admissionv1.WebhookClientConfig) admissionv1.ValidatingWebhook {
	hook := adviceOn(admissionv1.Rule{
		APIGroups: []string{capabilityv1alpha1.GroupVersion.Group}, APIVersions: []string{capabilityv1alpha1.GroupVersion.Version},
		Resources: []string{resource}, Scope: new(admissionv1.ClusterScope),
	}, at, admissionv1.Create, admissionv1.Update, admissionv1.Delete)
	hook.FailurePolicy = new(admissionv1.Fail)
	return hook
}

func tenancyHook(resource string, at admissionv1.WebhookClientConfig) admissionv1.ValidatingWebhook {
	hook := adviceOn(admissionv1.Rule{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{v1alpha1.GroupVersion.Version},
		Resources: []string{resource}, Scope: new(admissionv1.ClusterScope),
	}, at, admissionv1.Create, admissionv1.Update, admissionv1.Delete)
	hook.MatchConditions = []admissionv1.MatchCondition{{
		Name:       "not-roadbed",
		Expression: fmt.Sprintf("request.userInfo.username != %q", identity.Roadbed),
	}}
	return hook
}

// policyHook hears of a policy in the version that Roadbed reads, in whichever
// it was sent.
func policyHook(kind module.Kind, at admissionv1.WebhookClientConfig) admissionv1.ValidatingWebhook {
	return adviceOn(admissionv1.Rule{
		APIGroups: []string{kind.Group}, APIVersions: []string{kind.Version},
		Resources: []string{kind.Plural}, Scope: new(admissionv1.AllScopes),
	}, at, admissionv1.Create, admissionv1.Update)
}

func adviceOn(rule admissionv1.Rule, at admissionv1.WebhookClientConfig, operations ...admissionv1.OperationType) admissionv1.ValidatingWebhook {
	return admissionv1.ValidatingWebhook{
		Name:                    rule.Resources[0] + "." + rule.APIGroups[0],
		ClientConfig:            at,
		Rules:                   []admissionv1.RuleWithOperations{{Operations: operations, Rule: rule}},
		FailurePolicy:           new(admissionv1.Ignore),
		SideEffects:             new(admissionv1.SideEffectClassNone),
		TimeoutSeconds:          new(int32(5)),
		AdmissionReviewVersions: []string{"v1"},
	}
}
