package lint

import (
	"context"
	"maps"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// write is something that Kubernetes or Roadbed writes all the time.
type write struct {
	who, what string
	request   *policy.Request
}

// sample makes a write of an object, of version v1, with nothing but what is always there.
func sample(who, user string, groups []string, group, kind, resource, namespace, name string, more map[string]any) write {
	object := map[string]any{"apiVersion": schema.GroupVersion{Group: group, Version: "v1"}.String(), "kind": kind}
	metadata := map[string]any{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	object["metadata"] = metadata
	maps.Copy(object, more)
	var in map[string]any
	if namespace != "" {
		in = map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace, "labels": namespaceLabels(namespace)}}
	}
	r := policy.Existing(object, policy.Served{Group: group, Version: "v1", Resource: resource}, in)
	r.Operation = admissionv1.Create
	r.User = authenticationv1.UserInfo{Username: user, Groups: groups}
	return write{who, kind + " " + name, r}
}

func namespaceLabels(name string) map[string]any {
	labels := map[string]any{"kubernetes.io/metadata.name": name}
	if name == "tenant-sample" {
		labels[tenancyv1alpha1.LabelTenant] = "sample"
	}
	return labels
}

// systemWrites are what the platform cannot do without.
func systemWrites() []write {
	const tenant = "tenant-sample"
	roadbed, kubernetes := identity.Roadbed, "system:serviceaccount:kube-system:"
	controllers := []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"}
	nodes := []string{"system:nodes", "system:authenticated"}
	ours := identity.RoadbedGroups()
	return []write{
		sample("Roadbed", roadbed, ours, "", "Namespace", "namespaces", "", tenant, nil),
		sample("Roadbed", roadbed, ours, "", "ResourceQuota", "resourcequotas", tenant, "quota", nil),
		sample("Roadbed", roadbed, ours, "", "LimitRange", "limitranges", tenant, "limits", nil),
		sample("Roadbed", roadbed, ours, "networking.k8s.io", "NetworkPolicy", "networkpolicies", tenant, "default-deny-all", map[string]any{"spec": map[string]any{"podSelector": map[string]any{}, "policyTypes": []any{"Ingress", "Egress"}}}),
		sample("Roadbed", roadbed, ours, "rbac.authorization.k8s.io", "RoleBinding", "rolebindings", tenant, "roadbed:admins", nil),
		sample("Kubernetes", kubernetes+"service-account-controller", controllers, "", "ServiceAccount", "serviceaccounts", tenant, "default", nil),
		sample("Kubernetes", kubernetes+"root-ca-cert-publisher", controllers, "", "ConfigMap", "configmaps", tenant, "kube-root-ca.crt", nil),
		sample("Kubernetes", kubernetes+"endpointslice-controller", controllers, "discovery.k8s.io", "EndpointSlice", "endpointslices", tenant, "web-x", map[string]any{"addressType": "IPv4", "endpoints": []any{}}),
		sample("a node", "system:node:n1", nodes, "coordination.k8s.io", "Lease", "leases", "kube-node-lease", "n1", nil),
		sample("a node", "system:node:n1", nodes, "", "Node", "nodes", "", "n1", nil),
		sample("a node", "system:node:n1", nodes, "", "Event", "events", tenant, "pod.1", nil),
		sample("a node", "system:node:n1", nodes, "storage.k8s.io", "CSINode", "csinodes", "", "n1", nil),
	}
}

// blocked evaluates a policy on what the platform writes.
func blocked(c load.Compiled) []Finding {
	var findings []Finding
	for _, write := range systemWrites() {
		for _, result := range c.Validate(context.Background(), write.request, policy.World{Now: time.Unix(0, 0)}) {
			if result.Refuses() && result.Status == policy.Fail {
				findings = append(findings, Finding{
					File: c.Document.File, Line: c.Document.Line, Kind: c.Info().Kind, Policy: c.Info().Name, Rule: result.Rule, Code: BlocksSystem, Level: Error,
					Message: "it would stop " + write.who + " from writing " + write.what + "; exclude system users, or match tenants' namespaces only",
				})
				break
			}
		}
	}
	return findings
}
