package doctor

import (
	"context"
	"fmt"
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/app/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// mandatoryProbe is the name of a storage class that doctor tries to make.
const mandatoryProbe = "roadbed-doctor-probe"

// mandatory checks that the platform's Mandatory policies are there, and tries
// what one of them must refuse.
func (e examination) mandatory(ctx context.Context) []finding {
	const check = "Mandatory policies"
	plain := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: mandatoryProbe}, Provisioner: "ebs.csi.aws.com"}
	err := e.client.Create(ctx, plain, client.DryRunAll)
	switch {
	case err == nil:
		return []finding{fail(check, "volumes may be made that are not encrypted", toInstall)}
	case strings.Contains(err.Error(), "roadbed-policy-encrypted-volumes.static.k8s.io"):
		return []finding{ok(check, "Mandatory, from the API server's own files: no request removes them")}
	case !strings.Contains(err.Error(), "roadbed-policy-encrypted-volumes"):
		return []finding{undecided(check, err)}
	}
	var missing []string
	for _, want := range policies.Mandatory() {
		live, err := manifest.Live(ctx, e.client, want)
		if err != nil {
			return []finding{undecided(check, err)}
		}
		if live == nil {
			missing = append(missing, manifest.Title(want))
		}
	}
	if len(missing) > 0 {
		return []finding{fail(check, "missing: "+strings.Join(missing, ", "), toInstall)}
	}
	return []finding{warn(check, "Mandatory, API-deletable: whoever may delete admission policies removes them until Roadbed restores them",
		"where the API server's files are yours, give it what \"roadbed policy export --static --catalogue\" writes (Kubernetes 1.37)")}
}

// enforcement says who enforces policies, and which are not in force.
func (e examination) enforcement(ctx context.Context) []finding {
	const check = "policy enforcement"
	rival, err := enforce.Rival(ctx, e.client)
	if err != nil {
		return []finding{undecided(check, err)}
	}
	var idle []string
	for _, list := range []client.ObjectList{&policiesv1.ValidatingPolicyList{}, &policiesv1.MutatingPolicyList{}} {
		found, left, err := e.idle(ctx, list)
		if meta.IsNoMatchError(err) {
			return []finding{fail(check, "the cluster does not know Kyverno's kinds of policies", toInstall)}
		}
		if err != nil {
			return []finding{undecided(check, err)}
		}
		idle = append(idle, found...)
		if rival != "" && left {
			return []finding{ok(check, fmt.Sprintf("left to the Kyverno whose webhook configuration is %s; \"roadbed server --policy-enforcement=roadbed\" changes that", rival))}
		}
	}
	if len(idle) > 0 {
		return []finding{warn(check, "not in force: "+strings.Join(idle, ", "), "see the conditions of each with \"kubectl describe\"")}
	}
	return []finding{ok(check, "by Roadbed, natively where the API server can")}
}

// idle names the policies of a list that are not ready, and tells whether they
// are left to Kyverno.
func (e examination) idle(ctx context.Context, list client.ObjectList) (names []string, left bool, err error) {
	if err := e.client.List(ctx, list); err != nil {
		return nil, false, err
	}
	look := func(kind, name string, conditions []metav1.Condition) {
		if enforced := condition.Get(conditions, enforce.ConditionEnforced); enforced != nil && enforced.Reason == policiesv1.ReasonLeftToKyverno {
			left = true
		}
		if !condition.IsTrue(conditions, condition.Ready) {
			names = append(names, kind+" "+name)
		}
	}
	switch l := list.(type) {
	case *policiesv1.ValidatingPolicyList:
		for i := range l.Items {
			look("ValidatingPolicy", l.Items[i].Name, l.Items[i].GetConditions())
		}
	case *policiesv1.MutatingPolicyList:
		for i := range l.Items {
			look("MutatingPolicy", l.Items[i].Name, l.Items[i].GetConditions())
		}
	}
	return names, left, nil
}
