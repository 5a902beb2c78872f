package translate

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/feature"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
)

// classify finds the classes that are ours and says so in their status.
func (r *round) classify() {
	r.told.classes = nil
	for key, class := range r.Classes {
		if string(class.Spec.ControllerName) != r.settings.Controller {
			continue
		}
		accepted := finding.Holds(gatewayv1.GatewayClassConditionStatusAccepted, gatewayv1.GatewayClassReasonAccepted, "Roadbed serves the Gateways of this class.")
		if class.Spec.ParametersRef != nil {
			accepted = finding.Fails(gatewayv1.GatewayClassConditionStatusAccepted, gatewayv1.GatewayClassReasonInvalidParameters,
				"Roadbed's GatewayClasses take no parameters: remove spec.parametersRef.")
		}
		r.ours[key.Name] = accepted.Status
		r.reportClass(class, accepted)
	}
}

func (r *round) reportClass(class *gatewayv1.GatewayClass, accepted finding.Verdict) {
	verdicts := []finding.Verdict{accepted}
	if v, known := r.bundle(); known {
		verdicts = append(verdicts, v)
	}
	status := gatewayv1.GatewayClassStatus{Conditions: finding.Conditions(class.Status.Conditions, class.Generation, r.now, verdicts...)}
	for _, name := range feature.Names() {
		status.SupportedFeatures = append(status.SupportedFeatures, gatewayv1.SupportedFeature{Name: gatewayv1.FeatureName(name)})
	}
	if equality.Semantic.DeepEqual(class.Status, status) {
		return
	}
	changed := class.DeepCopy()
	changed.Status = status
	r.told.classes = append(r.told.classes, changed)
}

// bundle says whether the definitions in the cluster are of a version that the
// gateway knows; known is false where nobody has said which they are.
func (r *round) bundle() (v finding.Verdict, known bool) {
	version := r.settings.BundleVersion
	if version == "" {
		return finding.Verdict{}, false
	}
	if strings.HasPrefix(version, "v1.5.") || strings.HasPrefix(version, "v1.6.") {
		return finding.Holds(gatewayv1.GatewayClassConditionStatusSupportedVersion, gatewayv1.GatewayClassReasonSupportedVersion,
			fmt.Sprintf("The cluster's Gateway API definitions are %s.", version)), true
	}
	return finding.Fails(gatewayv1.GatewayClassConditionStatusSupportedVersion, gatewayv1.GatewayClassReasonUnsupportedVersion,
		fmt.Sprintf("The cluster's Gateway API definitions are %s; Roadbed knows v1.5 and v1.6, and does what it can.", version)), true
}
