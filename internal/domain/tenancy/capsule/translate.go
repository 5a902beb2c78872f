package capsule

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// reasons explain the parts that Roadbed decides otherwise, by generic path.
var reasons = map[string]string{
	"metadata.annotations":                             "annotations of a Tenant have no meaning for Roadbed",
	"metadata.labels":                                  "labels of a Tenant have no meaning for Roadbed; set them on the new Tenant yourself",
	"spec.additionalRoleBindings[]":                    "only admin, edit and view for users and groups have a counterpart; bind other roles in the namespaces as a tenant admin",
	"spec.containerRegistries.allowedRegex":            "registries are prefixes, not regular expressions: list them in spec.registries",
	"spec.deviceClasses":                               "Roadbed does not restrict device classes; cap requests in spec.quota",
	"spec.forceTenantPrefix":                           "namespaces are always named tenant-NAME-ENVIRONMENT, unless adopted",
	"spec.gatewayOptions":                              "Roadbed does not restrict gateway classes",
	"spec.imagePullPolicies":                           "Roadbed does not restrict pull policies; with nodes that tenants share, ask for Always in the workloads",
	"spec.ingressOptions":                              "Roadbed does not restrict ingress classes and host names",
	"spec.limitRanges.items[]":                         "container defaults and bounds come from the tier: compare its spec.limits",
	"spec.namespaceOptions.additionalMetadata":         "namespaces get the platform's labels and annotations only",
	"spec.namespaceOptions.additionalMetadataList":     "namespaces get the platform's labels and annotations only",
	"spec.namespaceOptions.forbiddenAnnotations":       "tenants cannot write Namespace objects at all",
	"spec.namespaceOptions.forbiddenLabels":            "tenants cannot write Namespace objects at all",
	"spec.namespaceOptions.quota":                      "a tenant's namespaces are listed in spec.namespaces, so their number needs no bound",
	"spec.nodeSelector":                                "Roadbed does not bind tenants to nodes",
	"spec.owners[].clusterRoles[]":                     "only admin, edit and view have a counterpart",
	"spec.owners[].proxySettings":                      "cluster-scoped objects are not shown to tenants through a proxy",
	"spec.permissions":                                 "list owners by name in spec.access",
	"spec.podOptions":                                  "pods get no metadata from the tenant",
	"spec.priorityClasses":                             "Roadbed does not restrict priority classes",
	"spec.resourceQuotas.items[]":                      "quotas for some pods only (scopes) have no counterpart",
	"spec.rules":                                       "write a policy instead",
	"spec.runtimeClasses":                              "Roadbed does not restrict runtime classes",
	"spec.serviceOptions.additionalMetadata":           "services get no metadata from the tenant",
	"spec.serviceOptions.allowedServices.externalName": "ExternalName services are allowed to every tenant, but for aliases of services of the cluster",
	"spec.serviceOptions.allowedServices.nodePort":     "node ports are closed to every tenant, unless its tier or quota opens services.nodeports",
	"spec.serviceOptions.externalIPs":                  "external IPs are closed to every tenant",
	"spec.storageClasses.allowedRegex":                 "storage classes are listed by name in spec.storageClasses",
	"spec.storageClasses.default":                      "the cluster's default class applies: name the class in each claim",
	"spec.storageClasses.matchExpressions":             "storage classes are listed by name in spec.storageClasses",
	"spec.storageClasses.matchLabels":                  "storage classes are listed by name in spec.storageClasses",
	"status.namespaces[]":                              "a tenant has at most 16 namespaces: split it",
}

// emptied are the objects and lists that translating empties, by generic path.
// Any other empty object is one Roadbed does not know.
var emptied = map[string]bool{
	"metadata": true, "metadata.annotations": true, "metadata.labels": true,
	"spec": true, "spec.additionalRoleBindings": true, "spec.additionalRoleBindings[]": true,
	"spec.additionalRoleBindings[].subjects": true, "spec.additionalRoleBindings[].subjects[]": true,
	"spec.containerRegistries": true, "spec.containerRegistries.allowed": true,
	"spec.limitRanges": true, "spec.limitRanges.items": true,
	"spec.namespaceOptions": true, "spec.networkPolicies": true, "spec.networkPolicies.items": true,
	"spec.owners": true, "spec.owners[]": true, "spec.owners[].clusterRoles": true,
	"spec.resourceQuotas": true, "spec.resourceQuotas.items": true,
	"spec.resourceQuotas.items[]": true, "spec.resourceQuotas.items[].hard": true,
	"spec.serviceOptions": true, "spec.serviceOptions.allowedServices": true,
	"spec.storageClasses": true, "spec.storageClasses.allowed": true,
	"status": true, "status.namespaces": true,
}

// translation is the work on one Capsule Tenant.
type translation struct {
	tenant v1alpha1.Tenant
	rest   tree
	lost   []Untranslated
}

func (t *translation) run(defaults Defaults) {
	t.forget()
	spec := child(t.rest, "spec")
	t.defaults(defaults)
	t.namespaces()
	t.owners(spec)
	t.roleBindings(spec)
	t.quotas(child(spec, "resourceQuotas"))
	t.services(child(spec, "serviceOptions", "allowedServices"))
	t.network(child(spec, "networkPolicies"))
	for _, name := range takeStrings(child(spec, "storageClasses"), "allowed") {
		t.tenant.Spec.StorageClasses = append(t.tenant.Spec.StorageClasses, v1alpha1.StorageClassQuota{Name: name})
	}
	for _, registry := range takeStrings(child(spec, "containerRegistries"), "allowed") {
		// A prefix without its slash would allow registry.example.evil.com too.
		t.tenant.Spec.Registries = append(t.tenant.Spec.Registries, strings.TrimSuffix(registry, "/")+"/")
	}
	if cordoned, _ := take[bool](spec, "cordoned"); cordoned {
		t.tenant.Spec.Lifecycle.State = v1alpha1.LifecycleCordoned
	}
	// Deleting a Roadbed Tenant deletes nothing: what preventDeletion asks for
	// always holds.
	take[bool](spec, "preventDeletion")
	t.checkName()
	walk("", t.rest, t.explain)
}

// explain reports a part that is left over, if there is something to say about
// the whole of it or it has no parts.
func (t *translation) explain(path string, value any) (explained bool) {
	reason, known := reasons[strings.TrimPrefix(generic(path), ".")]
	switch {
	case known && !empty(value):
		t.report(path, reason)
	case known || value == nil:
	case len(parts(value)) == 0 && !emptied[strings.TrimPrefix(generic(path), ".")] && path != "":
		t.report(path, "Roadbed does not know this field")
	default:
		return false
	}
	return true
}

func (t *translation) report(path, reason string) {
	t.lost = append(t.lost, Untranslated{Tenant: t.tenant.Name, Path: strings.TrimPrefix(path, "."), Reason: reason})
}

// forget drops what nobody wished: what the API server and Capsule fill in.
func (t *translation) forget() {
	meta := child(t.rest, "metadata")
	for _, field := range []string{"name", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "ownerReferences", "finalizers"} {
		delete(meta, field)
	}
	delete(child(meta, "annotations"), "kubectl.kubernetes.io/last-applied-configuration")
	delete(child(meta, "labels"), "kubernetes.io/metadata.name")
	if ingress := child(t.rest, "spec", "ingressOptions"); ingress["hostnameCollisionScope"] == "Disabled" {
		delete(ingress, "hostnameCollisionScope") // Capsule's default asks for nothing
	}
	status := tree{"namespaces": child(t.rest, "status")["namespaces"]}
	delete(t.rest, "apiVersion")
	delete(t.rest, "kind")
	t.rest["status"] = status
}

func (t *translation) defaults(d Defaults) {
	spec := &t.tenant.Spec
	spec.BusinessUnit, spec.Tier, spec.CostCenter, spec.Owner = d.BusinessUnit, d.Tier, d.CostCenter, d.Owner
	spec.Jurisdictions = slices.Clone(d.Jurisdictions)
}

var tenantName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$`)

func (t *translation) checkName() {
	name := t.tenant.Name
	if !tenantName.MatchString(name) || strings.HasPrefix(name, "shared-") {
		t.report("metadata.name", "a tenant's name has at most 40 lower-case letters, digits and dashes, begins with a letter and not with shared-: choose another")
	}
}

var environment = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$`)

// namespaces adopts what Capsule's status names, each under what its name has
// beyond the tenant's.
func (t *translation) namespaces() {
	const most = 16
	list, _ := child(t.rest, "status")["namespaces"].([]any)
	used := map[string]bool{}
	for i, item := range list[:min(most, len(list))] {
		namespace, ok := item.(string)
		if !ok {
			continue
		}
		name := strings.TrimPrefix(namespace, t.tenant.Name+"-")
		if !environment.MatchString(name) || used[name] {
			name = fmt.Sprintf("ns-%d", i+1)
		}
		used[name], list[i] = true, nil
		t.tenant.Spec.Namespaces = append(t.tenant.Spec.Namespaces, v1alpha1.TenantNamespace{Name: name, Adopt: namespace})
	}
}

// owners makes admins of those with the cluster role admin, which is Capsule's
// default, developers of those with edit, viewers of those with view.
func (t *translation) owners(spec tree) {
	owners := objects(spec, "owners")
	for _, i := range inOrder(owners) {
		path := fmt.Sprintf("spec.owners[%d]", i)
		subject, ok := subjectOf(owners[i])
		if !ok {
			t.report(path, "only users and groups own tenants, and none of Kubernetes' own; pipelines use the deployer service account of each namespace")
			clear(owners[i])
			continue
		}
		delete(owners[i], "kind")
		delete(owners[i], "name")
		if !t.grantAll(owners[i], subject) {
			t.report(path, fmt.Sprintf("%s %q has none of the roles admin, edit and view: give access in spec.access", subject.Kind, subject.Name))
		}
	}
}

// grantAll gives an owner the access that its cluster roles mean, and says
// whether that is any.
func (t *translation) grantAll(owner tree, subject v1alpha1.Subject) (granted bool) {
	roles, stated := owner["clusterRoles"].([]any)
	if !stated {
		return t.grant("admin", subject)
	}
	for i, role := range roles {
		name, _ := role.(string)
		switch {
		case name == "capsule-namespace-deleter":
			roles[i] = nil // Roadbed makes and deletes namespaces itself
		case t.grant(name, subject):
			roles[i], granted = nil, true
		}
	}
	return granted
}

func (t *translation) roleBindings(spec tree) {
	bindings := objects(spec, "additionalRoleBindings")
	for _, i := range inOrder(bindings) {
		role, _ := bindings[i]["clusterRoleName"].(string)
		subjects, _ := bindings[i]["subjects"].([]any)
		for _, item := range subjects {
			object, _ := item.(tree)
			if subject, ok := subjectOf(object); ok && t.grant(role, subject) {
				delete(object, "apiGroup")
				delete(object, "kind")
				delete(object, "name")
			}
		}
		if empty(bindings[i]["subjects"]) {
			delete(bindings[i], "clusterRoleName")
		}
	}
}

func subjectOf(object tree) (v1alpha1.Subject, bool) {
	kind, _ := object["kind"].(string)
	name, _ := object["name"].(string)
	ok := (kind == "User" || kind == "Group") && name != "" && !strings.HasPrefix(name, "system:")
	return v1alpha1.Subject{Kind: kind, Name: name}, ok
}

func (t *translation) grant(role string, subject v1alpha1.Subject) bool {
	access := &t.tenant.Spec.Access
	list := map[string]*[]v1alpha1.Subject{"admin": &access.Admins, "edit": &access.Developers, "view": &access.Viewers}[role]
	if list == nil {
		return false
	}
	if !slices.Contains(*list, subject) {
		*list = append(*list, subject)
	}
	return true
}

// quotas takes the strictest of several quotas for a resource. A quota that
// Capsule gives to each namespace is multiplied by their number: divided
// evenly again, it comes to the same.
func (t *translation) quotas(spec tree) {
	times := int64(1)
	if scope, _ := take[string](spec, "scope"); scope == "Namespace" {
		times = int64(max(1, len(t.tenant.Spec.Namespaces)))
	}
	items := objects(spec, "items")
	for _, i := range inOrder(items) {
		if items[i]["scopes"] != nil || items[i]["scopeSelector"] != nil {
			continue
		}
		hard := child(items[i], "hard")
		for _, key := range slices.Sorted(maps.Keys(hard)) {
			if !t.limit(quota.Canonical(corev1.ResourceName(key)), hard[key], times) {
				path := join(fmt.Sprintf("spec.resourceQuotas.items[%d].hard", i), key)
				t.report(path, fmt.Sprintf("%v is not an amount of a resource that quotas know", hard[key]))
			}
			delete(hard, key)
		}
	}
}

// limit lowers the tenant's quota of a resource to an amount; false if it is none.
func (t *translation) limit(name corev1.ResourceName, value any, times int64) bool {
	amount, err := resource.ParseQuantity(text(value))
	if err != nil || quota.Check(name, amount) != "" {
		return false
	}
	amount.Mul(times)
	if quota.Check(name, amount) != "" {
		return false // too much for one tenant
	}
	if t.tenant.Spec.Quota == nil {
		t.tenant.Spec.Quota = corev1.ResourceList{}
	}
	if before, ok := t.tenant.Spec.Quota[name]; !ok || amount.Cmp(before) < 0 {
		t.tenant.Spec.Quota[name] = amount
	}
	return true
}

// text writes a YAML scalar as it stood there.
func text(value any) string {
	if number, ok := value.(float64); ok && number == math.Trunc(number) && math.Abs(number) < 1<<53 {
		return fmt.Sprintf("%.0f", number)
	}
	return fmt.Sprint(value)
}

func (t *translation) services(allowed tree) {
	if balancers, ok := allowed["loadBalancer"].(bool); ok {
		delete(allowed, "loadBalancer") // allowed: as many as the tier says
		if !balancers {
			t.limit(corev1.ResourceServicesLoadBalancers, "0", 1)
		}
	}
	if ports, ok := allowed["nodePort"].(bool); ok && !ports {
		delete(allowed, "nodePort") // closed here as well
	}
	if names, ok := allowed["externalName"].(bool); ok && names {
		delete(allowed, "externalName")
	}
}
