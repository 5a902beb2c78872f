package doctor

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// oldestKubernetes is the first version on which mutating policies are on by
// default.
const oldestKubernetes = "1.36.0"

func (e examination) version(context.Context) []finding {
	const check = "Kubernetes version"
	info, err := e.discovery.ServerVersion()
	if err != nil {
		return []finding{undecided(check, err)}
	}
	have, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		return []finding{undecided(check, err)}
	}
	if have.LessThan(version.MustParseGeneric(oldestKubernetes)) {
		return []finding{fail(check, info.GitVersion, "upgrade the cluster to "+oldestKubernetes+" or newer")}
	}
	return []finding{ok(check, info.GitVersion)}
}

func (e examination) policyAPIs(context.Context) []finding {
	const check = "native admission policies"
	served, err := e.discovery.ServerResourcesForGroupVersion("admissionregistration.k8s.io/v1")
	if err != nil {
		return []finding{undecided(check, err)}
	}
	missing := map[string]bool{"validatingadmissionpolicies": true, "mutatingadmissionpolicies": true}
	for _, resource := range served.APIResources {
		delete(missing, resource.Name)
	}
	if len(missing) > 0 {
		return []finding{fail(check, fmt.Sprintf("admissionregistration.k8s.io/v1 lacks %d of validating and mutating policies", len(missing)),
			"do not switch off the API server's feature gates for admission policies")}
	}
	return []finding{ok(check, "validating and mutating policies are served")}
}

func (e examination) rbac(ctx context.Context) []finding {
	const check = "RBAC"
	var probe rbacv1.ClusterRoleBindingList
	err := e.client.List(ctx, &probe, client.Limit(1))
	if meta.IsNoMatchError(err) {
		return []finding{fail(check, "rbac.authorization.k8s.io is not served", "start the API server with --authorization-mode=Node,RBAC")}
	}
	if err != nil {
		return []finding{undecided(check, err)}
	}
	if len(probe.Items) == 0 {
		return []finding{fail(check, "no ClusterRoleBinding exists", "start the API server with --authorization-mode=Node,RBAC")}
	}
	return []finding{ok(check, "in use")}
}

// podSecurity tries a privileged pod, as a dry run, where the level is
// restricted. It needs a namespace with that label; the tenants' are such.
func (e examination) podSecurity(ctx context.Context) []finding {
	const check = "Pod Security admission"
	var namespaces corev1.NamespaceList
	labelled := client.MatchingLabels{"pod-security.kubernetes.io/enforce": "restricted"}
	if err := e.client.List(ctx, &namespaces, labelled, client.Limit(1)); err != nil {
		return []finding{undecided(check, err)}
	}
	if len(namespaces.Items) == 0 {
		return []finding{unknown(check, "no namespace enforces \"restricted\" yet, so it cannot be tried",
			"call doctor again when the first tenant is Ready")}
	}
	namespace := namespaces.Items[0].Name
	err := e.client.Create(ctx, privilegedPod(namespace), client.DryRunAll)
	switch {
	case err == nil:
		return []finding{fail(check, fmt.Sprintf("a privileged pod would be admitted in namespace %q", namespace),
			"switch on the API server's PodSecurity admission plugin")}
	case !apierrors.IsForbidden(err):
		return []finding{undecided(check, err)}
	case strings.Contains(err.Error(), "PodSecurity"):
		return []finding{ok(check, fmt.Sprintf("a privileged pod is refused in namespace %q", namespace))}
	default:
		return []finding{unknown(check, "a privileged pod is refused, but by something else: "+firstLine(err.Error()),
			"call doctor as somebody who may create pods there")}
	}
}

func privilegedPod(namespace string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "roadbed-doctor-"},
		Spec: corev1.PodSpec{
			HostNetwork: true,
			Containers: []corev1.Container{{
				Name: "probe", Image: "registry.invalid/probe",
				SecurityContext: &corev1.SecurityContext{Privileged: new(true)},
			}},
		},
	}
}

func (e examination) storage(ctx context.Context) []finding {
	const check = "default StorageClass"
	var classes storagev1.StorageClassList
	if err := e.client.List(ctx, &classes); err != nil {
		return []finding{undecided(check, err)}
	}
	for _, class := range classes.Items {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			return []finding{ok(check, class.Name)}
		}
	}
	return []finding{warn(check, fmt.Sprintf("none among %d", len(classes.Items)),
		"claims that name no class will wait; annotate one with storageclass.kubernetes.io/is-default-class=true")}
}

func (e examination) dns(ctx context.Context) []finding {
	const check = "cluster DNS"
	var pods corev1.PodList
	err := e.client.List(ctx, &pods, client.InNamespace(metav1.NamespaceSystem), client.MatchingLabels{"k8s-app": "kube-dns"}, client.Limit(1))
	if err != nil {
		return []finding{undecided(check, err)}
	}
	if len(pods.Items) == 0 {
		return []finding{warn(check, "no pod in kube-system has the label k8s-app=kube-dns",
			"tenants may reach DNS only in kube-system; run it there. Simulated nodes have none")}
	}
	return []finding{ok(check, "runs in kube-system")}
}

// networkPolicy says what cannot be known: the API takes network policies
// whether or not anything enforces them.
func (e examination) networkPolicy(ctx context.Context) []finding {
	const check = "NetworkPolicy enforcement"
	var nodes corev1.NodeList
	if err := e.client.List(ctx, &nodes); err != nil {
		return []finding{undecided(check, err)}
	}
	simulated := 0
	for _, node := range nodes.Items {
		if node.Annotations["kwok.x-k8s.io/node"] != "" {
			simulated++
		}
	}
	if simulated > 0 {
		return []finding{warn(check, fmt.Sprintf("not enforced on %s of %d: they are simulated", verb.Count(simulated, "node"), len(nodes.Items)),
			"nothing to do on this machine; use a network plugin that enforces policies where real pods run")}
	}
	return []finding{unknown(check, "the API cannot tell",
		"make sure that the network plugin enforces NetworkPolicies; several do not")}
}

// quotaController looks for a quota that nobody calculated.
func (e examination) quotaController(ctx context.Context) []finding {
	const check = "quota controller"
	var quotas corev1.ResourceQuotaList
	if err := e.client.List(ctx, &quotas); err != nil {
		return []finding{undecided(check, err)}
	}
	if len(quotas.Items) == 0 {
		return []finding{unknown(check, "no quota exists yet", "call doctor again when the first tenant exists")}
	}
	behind := 0
	for _, quota := range quotas.Items {
		if len(quota.Status.Hard) < len(quota.Spec.Hard) {
			behind++
		}
	}
	if behind > 0 {
		return []finding{warn(check, fmt.Sprintf("%d of %d quotas are not calculated yet", behind, len(quotas.Items)),
			"when this stays, see whether kube-controller-manager runs")}
	}
	return []finding{ok(check, verb.Count(len(quotas.Items), "quota")+" live")}
}
