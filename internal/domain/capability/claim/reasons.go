package claim

import "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"

// The condition types of claims, in the order in which they become true.
const (
	// ConditionAccepted says whether the claim can be provisioned as it is.
	ConditionAccepted = v1alpha1.ClaimAccepted
	// ConditionApproved says whether whoever must agree has agreed.
	ConditionApproved = v1alpha1.ClaimApproved
	// ConditionProvisioned says whether what was claimed was made.
	ConditionProvisioned = v1alpha1.ClaimProvisioned
)

// ConditionRolledOut says of a CapabilityRevision whether every floating claim of
// its version is rendered by it.
const ConditionRolledOut = "RolledOut"

// Reasons of the conditions of claims and revisions.
const (
	// ReasonAccepted: the claim can be provisioned.
	ReasonAccepted = "Accepted"
	// ReasonNoTenant: the claim's namespace belongs to no tenant.
	ReasonNoTenant = "NoTenant"
	// ReasonVersionUnavailable: the capability has no such version any more.
	ReasonVersionUnavailable = "VersionUnavailable"
	// ReasonRevisionUnknown: the claim names a revision that its version lacks.
	ReasonRevisionUnknown = "RevisionUnknown"
	// ReasonRevisionPending: the claim's version has no revision for it yet.
	ReasonRevisionPending = "RevisionPending"
	// ReasonInvalidProvisioner: the capability's team made a mistake, which the
	// message names.
	ReasonInvalidProvisioner = "InvalidProvisioner"
	// ReasonUnavailable: the platform cannot provision this now, and the message
	// says what it lacks.
	ReasonUnavailable = "Unavailable"
	// ReasonPolicyUnsupported: the provisioner cannot do what the deletion policy
	// asks for.
	ReasonPolicyUnsupported = "PolicyUnsupported"
	// ReasonApproved: whoever must agree has agreed.
	ReasonApproved = "Approved"
	// ReasonApprovalAwaited: approvals are missing.
	ReasonApprovalAwaited = "ApprovalAwaited"
	// ReasonRejected: somebody who may approve has rejected the claim.
	ReasonRejected = "Rejected"
	// ReasonProvisioned: everything is made as the claim says.
	ReasonProvisioned = "Provisioned"
	// ReasonProvisioning: something has to be ready before the rest is made.
	ReasonProvisioning = "Provisioning"
	// ReasonNameTaken: an object of that name exists and is not the claim's.
	ReasonNameTaken = "NameTaken"
	// ReasonRightsPending: the account's rights are not in force yet.
	ReasonRightsPending = "RightsPending"
	// ReasonFailed: an attempt went wrong and is made again.
	ReasonFailed = "Failed"
	// ReasonTrailUnavailable: what would be done cannot be put on record, and is
	// therefore not done.
	ReasonTrailUnavailable = "TrailUnavailable"
	// ReasonNotReady: what was made is not ready yet.
	ReasonNotReady = "NotReady"
	// ReasonDeleting: what was made is being deleted.
	ReasonDeleting = "Deleting"
	// ReasonRolledOut: every floating claim is rendered by the revision.
	ReasonRolledOut = "RolledOut"
	// ReasonRollingOut: waves are under way.
	ReasonRollingOut = "RollingOut"
	// ReasonStopped: a claim failed, so that no further wave opens.
	ReasonStopped = "Stopped"
	// ReasonSuperseded: a newer revision has taken over.
	ReasonSuperseded = "Superseded"
)
