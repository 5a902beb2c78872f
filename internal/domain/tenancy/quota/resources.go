package quota

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	countPrefix         = "count/"
	requestsPrefix      = "requests."
	storageClassInfix   = ".storageclass.storage.k8s.io/"
	storageOfClass      = storageClassInfix + "requests.storage"
	claimsOfClass       = storageClassInfix + "persistentvolumeclaims"
	limitsEphemeral     = corev1.ResourceLimitsEphemeralStorage
	requestsEphemeral   = corev1.ResourceRequestsEphemeralStorage
	countServiceAccount = countPrefix + "serviceaccounts"
	countRoleBindings   = countPrefix + "rolebindings.rbac.authorization.k8s.io"
	countRoles          = countPrefix + "roles.rbac.authorization.k8s.io"
	countNetPolicies    = countPrefix + "networkpolicies.networking.k8s.io"
	countLimitRanges    = countPrefix + "limitranges"
)

// unit is what a resource is measured in.
type unit int

const (
	milliCores unit = iota
	bytes
	objects
)

// budgeted are the resources that cost money or are scarce across a cluster:
// the ones an envelope may name and a reservation always carries. Object
// counts are no budget: their caps protect etcd and are the same for everyone.
var budgeted = map[corev1.ResourceName]unit{
	corev1.ResourceRequestsCPU:            milliCores,
	corev1.ResourceLimitsCPU:              milliCores,
	corev1.ResourceRequestsMemory:         bytes,
	corev1.ResourceLimitsMemory:           bytes,
	requestsEphemeral:                     bytes,
	limitsEphemeral:                       bytes,
	corev1.ResourceRequestsStorage:        bytes,
	corev1.ResourcePods:                   objects,
	corev1.ResourcePersistentVolumeClaims: objects,
	corev1.ResourceServicesLoadBalancers:  objects,
	corev1.ResourceServicesNodePorts:      objects,
}

// caps are how many objects of each kind one namespace may hold unless its
// tier or tenant says otherwise. Together with budgeted they cover every
// namespaced kind of Kubernetes 1.37 that quotas can count. Events cannot be
// counted (the quota system ignores them; they expire within the hour), nor
// can kinds that are never stored, such as bindings and access reviews. Kinds
// that a cluster does not serve cost nothing.
var caps = map[corev1.ResourceName]int64{
	corev1.ResourceServices:                                50,
	corev1.ResourceServicesNodePorts:                       0,
	corev1.ResourceServicesLoadBalancers:                   0,
	corev1.ResourceReplicationControllers:                  20,
	corev1.ResourceQuotas:                                  5,
	corev1.ResourceSecrets:                                 200,
	corev1.ResourceConfigMaps:                              200,
	countServiceAccount:                                    50,
	countLimitRanges:                                       5,
	countPrefix + "endpoints":                              100,
	countPrefix + "podtemplates":                           20,
	countPrefix + "deployments.apps":                       100,
	countPrefix + "replicasets.apps":                       1000,
	countPrefix + "statefulsets.apps":                      50,
	countPrefix + "daemonsets.apps":                        10,
	countPrefix + "controllerrevisions.apps":               600,
	countPrefix + "jobs.batch":                             500,
	countPrefix + "cronjobs.batch":                         100,
	countPrefix + "ingresses.networking.k8s.io":            50,
	countNetPolicies:                                       50,
	countRoles:                                             50,
	countRoleBindings:                                      50,
	countPrefix + "endpointslices.discovery.k8s.io":        200,
	countPrefix + "horizontalpodautoscalers.autoscaling":   100,
	countPrefix + "poddisruptionbudgets.policy":            100,
	countPrefix + "leases.coordination.k8s.io":             100,
	countPrefix + "resourceclaims.resource.k8s.io":         50,
	countPrefix + "resourceclaimtemplates.resource.k8s.io": 50,
	countPrefix + "csistoragecapacities.storage.k8s.io":    50,
	// Kubelets write these for pods, a few each.
	countPrefix + "podcertificaterequests.certificates.k8s.io": 1000,
}

// floors are what Roadbed's and Kubernetes' own objects in each namespace use
// up. A share below its floor would keep the namespace from being isolated.
var floors = map[corev1.ResourceName]int64{
	corev1.ResourceQuotas:     1, // NAMESPACE-quota
	corev1.ResourceConfigMaps: 1, // kube-root-ca.crt
	countServiceAccount:       2, // default, deployer
	countLimitRanges:          1, // NAMESPACE-limits
	countNetPolicies:          3, // default deny, platform, declared
	countRoleBindings:         4, // admins, developers, viewers, deployer
}

// aliases are other spellings that Kubernetes accepts for a resource. One
// spelling each keeps sums honest: two spellings would be counted apart.
var aliases = map[corev1.ResourceName]corev1.ResourceName{
	corev1.ResourceCPU:                     corev1.ResourceRequestsCPU,
	corev1.ResourceMemory:                  corev1.ResourceRequestsMemory,
	corev1.ResourceEphemeralStorage:        requestsEphemeral,
	corev1.ResourceStorage:                 corev1.ResourceRequestsStorage,
	countPrefix + "pods":                   corev1.ResourcePods,
	countPrefix + "services":               corev1.ResourceServices,
	countPrefix + "secrets":                corev1.ResourceSecrets,
	countPrefix + "configmaps":             corev1.ResourceConfigMaps,
	countPrefix + "resourcequotas":         corev1.ResourceQuotas,
	countPrefix + "replicationcontrollers": corev1.ResourceReplicationControllers,
	countPrefix + "persistentvolumeclaims": corev1.ResourcePersistentVolumeClaims,
}

// Names lists the built-in resources that a quota may name, sorted.
func Names() []string {
	names := make([]string, 0, len(budgeted)+len(caps))
	for name := range budgeted {
		names = append(names, string(name))
	}
	for name := range caps {
		if _, twice := budgeted[name]; !twice {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

// Budgeted says whether a reservation carries the resource, and so whether an
// envelope may name it: compute, storage, pods, claims, load balancers, node
// ports, extended resources such as requests.nvidia.com/gpu, and each of the
// quotas of a storage class.
func Budgeted(name corev1.ResourceName) bool {
	if _, ok := budgeted[name]; ok {
		return true
	}
	return isExtended(name) || isOfStorageClass(name)
}

// Canonical is the one spelling of a resource that quotas here use: requests.cpu
// for cpu, secrets for count/secrets.
func Canonical(name corev1.ResourceName) corev1.ResourceName {
	if right, ok := aliases[name]; ok {
		return right
	}
	return name
}

// Check says what is wrong with one entry of a quota, in words that follow
// "must": an empty string means nothing is.
func Check(name corev1.ResourceName, amount resource.Quantity) string {
	if right, ok := aliases[name]; ok {
		return fmt.Sprintf("be named %q: %q is another spelling of it", right, name)
	}
	if !known(name) {
		return fmt.Sprintf("name a resource that quotas know, such as requests.cpu, requests.memory, pods, count/deployments.apps, "+
			"requests.nvidia.com/gpu or CLASS%s; %q is none", storageOfClass, name)
	}
	return checkAmount(name, amount)
}

func checkAmount(name corev1.ResourceName, amount resource.Quantity) string {
	if !computable(amount) {
		return "have an exponent of at most two digits"
	}
	if amount.Sign() < 0 {
		return "not be negative"
	}
	if amount.CmpInt64(maxAmount(name)) > 0 {
		return fmt.Sprintf("be at most %d", maxAmount(name))
	}
	if exact(name, units(name, amount)).Cmp(amount) == 0 {
		return ""
	}
	switch unitOf(name) {
	case milliCores:
		return "be a multiple of 1m"
	case bytes:
		return "be a whole number of bytes"
	default:
		return "be a whole number"
	}
}

// computable says that an amount may be compared and added. 1e99999999 must not:
// whoever compares it writes out its hundred million digits, and does nothing else
// meanwhile.
func computable(amount resource.Quantity) bool {
	scale := amount.AsDec().Scale()
	return -100 < scale && scale < 100
}

// maxAmount keeps an amount in its smallest units well within 64 bits.
func maxAmount(name corev1.ResourceName) int64 {
	switch unitOf(name) {
	case milliCores:
		return 1_000_000_000 // cores
	case bytes:
		return 1 << 60 // 1 EiB
	default:
		return 1_000_000_000
	}
}

func known(name corev1.ResourceName) bool {
	if _, ok := caps[name]; ok {
		return true
	}
	return Budgeted(name) || isCount(name)
}

func isCount(name corev1.ResourceName) bool {
	kind, ok := strings.CutPrefix(string(name), countPrefix)
	return ok && len(validation.IsDNS1123Subdomain(kind)) == 0
}

// isExtended accepts requests.DOMAIN/RESOURCE and requests.hugepages-SIZE.
func isExtended(name corev1.ResourceName) bool {
	resourceName, ok := strings.CutPrefix(string(name), requestsPrefix)
	if !ok {
		return false
	}
	if size, huge := strings.CutPrefix(resourceName, corev1.ResourceHugePagesPrefix); huge {
		parsed, err := resource.ParseQuantity(size)
		return err == nil && parsed.Sign() > 0
	}
	return strings.Contains(resourceName, "/") && len(validation.IsQualifiedName(resourceName)) == 0
}

func isOfStorageClass(name corev1.ResourceName) bool {
	class, what, ok := strings.Cut(string(name), storageClassInfix)
	return ok && (what == "requests.storage" || what == "persistentvolumeclaims") &&
		len(validation.IsDNS1123Subdomain(class)) == 0
}

func unitOf(name corev1.ResourceName) unit {
	if u, ok := budgeted[name]; ok {
		return u
	}
	if strings.HasSuffix(string(name), storageOfClass) || strings.HasPrefix(string(name), requestsPrefix+corev1.ResourceHugePagesPrefix) {
		return bytes
	}
	return objects
}

// units is the amount in the resource's smallest unit, rounded down.
func units(name corev1.ResourceName, amount resource.Quantity) int64 {
	scale := resource.Scale(0)
	if unitOf(name) == milliCores {
		scale = resource.Milli
	}
	value := amount.ScaledValue(scale) // rounds up
	if resource.NewScaledQuantity(value, scale).Cmp(amount) > 0 {
		value--
	}
	return value
}

// exact is the quantity of so many smallest units, as a person would write it.
func exact(name corev1.ResourceName, value int64) *resource.Quantity {
	switch unitOf(name) {
	case milliCores:
		return resource.NewMilliQuantity(value, resource.DecimalSI)
	case bytes:
		return resource.NewQuantity(value, resource.BinarySI)
	default:
		return resource.NewQuantity(value, resource.DecimalSI)
	}
}

// sortedNames lists the resources of a list in order.
func sortedNames(list corev1.ResourceList) []corev1.ResourceName {
	names := make([]corev1.ResourceName, 0, len(list))
	for name := range list {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
