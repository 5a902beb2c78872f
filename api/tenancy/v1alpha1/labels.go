package v1alpha1

// Prefix begins the keys that are set by Roadbed and by nobody else. A native
// admission policy refuses everybody else's attempt to set, change or remove
// one on a namespace or on an object Roadbed owns.
const Prefix = "tenancy.roadbed.dev/"

// Labels of the authority: what admission, quotas and network rules trust.
const (
	// LabelTenant names the tenant that a namespace or object belongs to. On a
	// namespace shared by several tenants it is "shared-TIER-BUSINESSUNIT".
	LabelTenant = Prefix + "tenant"
	// LabelTier names the tenant's tier.
	LabelTier = Prefix + "tier"
	// LabelBusinessUnit names the business unit that pays for the tenant.
	LabelBusinessUnit = Prefix + "business-unit"
	// LabelCostCenter is the cost centre that usage is charged to.
	LabelCostCenter = Prefix + "cost-center"
	// LabelJurisdiction is the one jurisdiction a namespace's data lives in.
	LabelJurisdiction = Prefix + "jurisdiction"
	// LabelEnvironment is the namespace's name within its tenant, such as prod.
	// Absent on a tenant's only, unnamed namespace.
	LabelEnvironment = Prefix + "environment"
	// LabelDataClass is the tenant's data class in lower case.
	LabelDataClass = Prefix + "data-class"
	// LabelOwner names the team that answers for the tenant.
	LabelOwner = Prefix + "owner"
	// LabelKeyCustody says where the tier wants encryption keys: software or hsm.
	LabelKeyCustody = Prefix + "key-custody"
	// LabelManagedBy with the value ManagedBy marks an object that Roadbed
	// generated and restores.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is LabelManagedBy's value on generated objects.
	ManagedBy = "roadbed"
)

// Annotations on tenant namespaces that native policies read. Lists are sorted
// and separated by commas.
const (
	// AnnotationStorageClasses lists the storage classes that claims may name.
	AnnotationStorageClasses = Prefix + "storage-classes"
	// AnnotationRegistries lists the image prefixes that pods may use; absent
	// means any.
	AnnotationRegistries = Prefix + "registries"
	// AnnotationIngressPeers lists the tenants that this tenant's own network
	// policies may admit.
	AnnotationIngressPeers = Prefix + "ingress-peers"
	// AnnotationEgressPeers lists the tenants that this tenant's own network
	// policies may reach.
	AnnotationEgressPeers = Prefix + "egress-peers"
	// AnnotationEgressCIDRs lists the address ranges that this tenant's own
	// network policies may reach.
	AnnotationEgressCIDRs = Prefix + "egress-cidrs"
	// AnnotationCordoned is "true" while no new pod may start in the namespace.
	AnnotationCordoned = Prefix + "cordoned"
)

// ConditionIsolated is the condition type in a Namespace's status that admits
// pods: it is True only while every guardrail of the namespace exists and its
// quotas are live.
const ConditionIsolated = Prefix + "Isolated"

// Finalizer holds a tenancy object until Roadbed has released what it reserved.
const Finalizer = "tenancy.roadbed.dev/roadbed"
