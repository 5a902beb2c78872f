package v1alpha1

// Prefix begins the keys that are set by Roadbed and by nobody else.
const Prefix = "capability.roadbed.dev/"

// ClaimsGroup is the API group of claims whose Capability names no group.
const ClaimsGroup = "claims.roadbed.dev"

// Labels on what is made of a Capability, a revision or a claim.
const (
	// LabelCapability names the Capability that an object was made for.
	LabelCapability = Prefix + "capability"
	// LabelPublished with the value "true" marks what publishing a Capability made
	// and takes away again.
	LabelPublished = Prefix + "published"
	// LabelVersion names the version of the Capability.
	LabelVersion = Prefix + "version"
	// LabelRevision names the CapabilityRevision that an object was rendered from.
	LabelRevision = Prefix + "revision"
	// LabelClaim names the claim, in the object's own namespace.
	LabelClaim = Prefix + "claim"
	// LabelClaimUID is the claim's UID.
	LabelClaimUID = Prefix + "claim-uid"
	// LabelResource is the id of the template resource that an object comes from.
	LabelResource = Prefix + "resource"
	// LabelDocument marks a ConfigMap that holds documents of a Capability; its
	// value is "capability".
	LabelDocument = Prefix + "documents"
)

// Annotations.
const (
	// AnnotationHash is the hash of what an object was made from.
	AnnotationHash = Prefix + "hash"
	// AnnotationPreserved holds, on a claim, the fields that another version of
	// its kind has and the version it was last written in lacks, as JSON by
	// version. Conversion reads and writes it; nobody else should.
	AnnotationPreserved = Prefix + "preserved"
	// AnnotationRequester is the user who made a claim or last changed its spec.
	// Admission sets it.
	AnnotationRequester = Prefix + "requester"
	// AnnotationAskedBy is the person or workload on whose behalf the HTTP API made a
	// claim or last changed it. Nobody else can set it.
	AnnotationAskedBy = Prefix + "asked-by"
	// AnnotationApproverGroups are the groups of the user who made a ClaimApproval,
	// one on each line. Admission sets it.
	AnnotationApproverGroups = Prefix + "approver-groups"
	// AnnotationFlags names, on a generated kind, the flags of its alpha versions
	// as VERSION=FLAG, sorted and separated by commas.
	AnnotationFlags = Prefix + "flags"
)

// Finalizer holds a Capability until nothing is claimed of it.
const Finalizer = Prefix + "roadbed"

// ClaimFinalizer holds a claim until what was provisioned for it is gone, or
// kept as its deletion policy says.
const ClaimFinalizer = Prefix + "claim"
