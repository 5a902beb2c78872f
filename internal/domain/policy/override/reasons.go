package override

// Finalizer holds an override until its end is on the trail.
const Finalizer = "policy.roadbed.dev/roadbed"

// The condition types of overrides. Ready, which every kind has, sums up.
const (
	// ConditionValid says whether what is asked for can be granted.
	ConditionValid = "Valid"
	// ConditionApproved says whether somebody other than the requester approved it.
	ConditionApproved = "Approved"
	// ConditionInForce says whether policies are waived by it.
	ConditionInForce = "InForce"
	// ConditionExpiringSoon is true while it is in force and near its end; absent before.
	ConditionExpiringSoon = "ExpiringSoon"
)

// The reasons of ConditionValid. All but ReasonValid ask the requester to act.
const (
	// ReasonValid means that it can be granted.
	ReasonValid = "Valid"
	// ReasonInvalid means a mistake in the spec that no other reason names.
	ReasonInvalid = "Invalid"
	// ReasonMandatoryPolicy means that it names a policy that is never waived.
	ReasonMandatoryPolicy = "MandatoryPolicy"
	// ReasonNotFound means that it names a policy, a rule or a namespace that
	// does not exist.
	ReasonNotFound = "NotFound"
)

// The reasons of ConditionApproved.
const (
	// ReasonApproved means that an approver said yes.
	ReasonApproved = "Approved"
	// ReasonAwaitingApproval means that nobody has decided yet.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonRejected means that an approver said no.
	ReasonRejected = "Rejected"
	// ReasonRevoked means that an approver ended it before its time.
	ReasonRevoked = "Revoked"
	// ReasonTrailUnavailable means that the grant or the end could not be put on
	// record, and so did not happen; Roadbed tries again.
	ReasonTrailUnavailable = "TrailUnavailable"
)

// The reasons of ConditionInForce and ConditionExpiringSoon.
const (
	// ReasonInForce means that policies are waived by it.
	ReasonInForce = "InForce"
	// ReasonEntering means that it is about to be in force.
	ReasonEntering = "Entering"
	// ReasonExpiringSoon means that its end is near.
	ReasonExpiringSoon = "ExpiringSoon"
	// ReasonExpired means that its time is over.
	ReasonExpired = "Expired"
	// ReasonLedgerFull means that more overrides are in force than the API server
	// can look through; it enters when others end.
	ReasonLedgerFull = "LedgerFull"
)
