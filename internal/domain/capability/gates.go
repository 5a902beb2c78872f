package capability

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// GatePrefix begins the names of the admission policies that guard alpha
// versions.
const GatePrefix = "roadbed-claims-"

// gates are the native rules that keep alpha versions to the tenants that have
// switched their flag on, and out of production. They hold while Roadbed is
// down: the API server reads the FeatureFlag itself.
func gates(c *v1alpha1.Capability) []client.Object {
	var all []client.Object
	for _, v := range ServedVersions(c) {
		if v.Stage == v1alpha1.StageAlpha {
			all = append(all, gate(c, v), gateBinding(c, v))
		}
	}
	return all
}

func gateName(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) string {
	return GatePrefix + c.Name + "-" + v.Name
}

const (
	// flagOn is whether the flag is on for the namespace's tenant.
	flagOn = `params.spec.?state.orValue('ENABLED') == 'ENABLED' && ` +
		`(params.spec.?defaultVariant.orValue('off') == 'on' || ` +
		`variables.tenant in params.spec.?targets.?tenants.orValue([]) || ` +
		`variables.unit in params.spec.?targets.?businessUnits.orValue([]))`
	// production is whether the namespace runs production: its environment says
	// so, or it is the only namespace of a tenant of the highest tier.
	production = `variables.environment in ['prod', 'production', 'live'] || ` +
		`variables.environment == '' && variables.tier == 'tier-1'`
)

// labelled is the version that a claim's label says.
func labelled(claim string) string {
	return fmt.Sprintf("%s.?metadata.?labels[?'%s'].orValue('')", claim, v1alpha1.LabelVersion)
}

// isOf is whether a request makes a claim of the version, or leaves it one: it is
// written in the version, or its label says so, which claims are rendered by.
func isOf(version string) string {
	return fmt.Sprintf("request.kind.version == '%s' || %s == '%s'", version, labelled("object"), version)
}

func gate(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) *admissionv1.ValidatingAdmissionPolicy {
	what := fmt.Sprintf("%s of %s/%s", c.Spec.Names.Plural, Group(c), v.Name)
	exact, fail, scope := admissionv1.Exact, admissionv1.Fail, admissionv1.NamespacedScope
	label := func(name, key string) admissionv1.Variable {
		return admissionv1.Variable{Name: name, Expression: fmt.Sprintf("namespaceObject.?metadata.?labels[?'tenancy.roadbed.dev/%s'].orValue('')", key)}
	}
	forbidden := metav1.StatusReasonForbidden
	return &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: meta(c, "", gateName(c, v)),
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			ParamKind:     &admissionv1.ParamKind{APIVersion: v1alpha1.GroupVersion.String(), Kind: "FeatureFlag"},
			MatchConstraints: &admissionv1.MatchResources{
				// In every version, as it is sent: see isOf.
				MatchPolicy: &exact, NamespaceSelector: &metav1.LabelSelector{}, ObjectSelector: &metav1.LabelSelector{},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{Group(c)}, APIVersions: []string{"*"}, Resources: []string{c.Spec.Names.Plural}, Scope: &scope},
				}}},
			},
			MatchConditions: []admissionv1.MatchCondition{
				{Name: "not-roadbed", Expression: fmt.Sprintf("request.userInfo.username != '%s'", identity.Roadbed)},
				{Name: "of-this-version", Expression: isOf(v.Name)},
				{Name: "something-claimed", Expression: fmt.Sprintf("oldObject == null || object.?spec != oldObject.?spec || %s != %s", labelled("object"), labelled("oldObject"))},
			},
			Variables: []admissionv1.Variable{label("tenant", "tenant"), label("unit", "business-unit"), label("tier", "tier"), label("environment", "environment")},
			Validations: []admissionv1.Validation{
				{
					Expression: flagOn, Reason: &forbidden,
					MessageExpression: fmt.Sprintf(`%q + variables.tenant + %q + variables.tenant`,
						fmt.Sprintf("%s are alpha, and the feature flag %s is off for tenant ", what, v.Flag),
						fmt.Sprintf(": take another version, or have it switched on with: roadbed flag enable %s --tenant ", v.Flag)),
				},
				{
					Expression: "!(" + production + ")", Reason: &forbidden,
					Message: fmt.Sprintf("%s are alpha, may change without notice, and are not for production: take another version, or claim in another environment", what),
				},
			},
		},
	}
}

func gateBinding(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) *admissionv1.ValidatingAdmissionPolicyBinding {
	deny := admissionv1.DenyAction
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: meta(c, "", gateName(c, v)),
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        gateName(c, v),
			ParamRef:          &admissionv1.ParamRef{Name: v.Flag, ParameterNotFoundAction: &deny},
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
}
