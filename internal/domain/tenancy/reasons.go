package tenancy

import "k8s.io/apimachinery/pkg/util/validation/field"

// The condition types of tenancy objects. Ready, which every kind has, sums up.
const (
	// ConditionAccepted says whether the spec fits the tier and business unit it names.
	ConditionAccepted = "Accepted"
	// ConditionReserved says whether the envelope holds the object's share.
	ConditionReserved = "Reserved"
	// ConditionProvisioned says whether the generated objects exist as planned.
	ConditionProvisioned = "Provisioned"
	// ConditionIsolated says whether every namespace's guardrails are live, so
	// that pods may start there.
	ConditionIsolated = "Isolated"
	// ConditionOffboarded says how far the offboarding procedure is; absent on
	// tenants that stay.
	ConditionOffboarded = "Offboarded"
)

// The reasons of ConditionAccepted. All but ReasonAccepted ask the user to act.
const (
	// ReasonAccepted means that the spec is valid.
	ReasonAccepted = "Accepted"
	// ReasonInvalidSpec means a mistake that no other reason names.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonUnknownTier means that no Tier has the name.
	ReasonUnknownTier = "UnknownTier"
	// ReasonUnknownBusinessUnit means that no BusinessUnit has the name, or
	// that one above it is missing.
	ReasonUnknownBusinessUnit = "UnknownBusinessUnit"
	// ReasonCyclicBusinessUnit means that a business unit is above itself.
	ReasonCyclicBusinessUnit = "CyclicBusinessUnit"
	// ReasonTierNotAllowed means that the business unit, or one above it, does
	// not admit the tier.
	ReasonTierNotAllowed = "TierNotAllowed"
	// ReasonJurisdictionNotAllowed means that data would live where the
	// business unit, or one above it, must keep none.
	ReasonJurisdictionNotAllowed = "JurisdictionNotAllowed"
	// ReasonCostCenterNotAllowed means that the business unit does not own the cost centre.
	ReasonCostCenterNotAllowed = "CostCenterNotAllowed"
	// ReasonModelNotAllowed means that the tier does not allow the isolation
	// model, or that the model does not go with the rest of the spec.
	ReasonModelNotAllowed = "ModelNotAllowed"
	// ReasonNotYetAvailable means that the isolation model is announced but
	// does not exist yet.
	ReasonNotYetAvailable = "NotYetAvailable"
	// ReasonInvalidQuota means a quota that names an unknown resource, has an
	// impossible amount or does not add up.
	ReasonInvalidQuota = "InvalidQuota"
	// ReasonInvalidLimits means container limits that contradict each other.
	ReasonInvalidLimits = "InvalidLimits"
	// ReasonInvalidEnvelope means an envelope that does not fit the parent's
	// or what is reserved already.
	ReasonInvalidEnvelope = "InvalidEnvelope"
	// ReasonNamespaceTaken means that a namespace belongs to somebody else.
	ReasonNamespaceTaken = "NamespaceTaken"
	// ReasonEgressTooWide means an egress range wider than the tier allows.
	ReasonEgressTooWide = "EgressTooWide"
	// ReasonInvalidPeer means a network peer that cannot be one.
	ReasonInvalidPeer = "InvalidPeer"
	// ReasonInvalidSubject means a subject that must not be given access.
	ReasonInvalidSubject = "InvalidSubject"
)

// The reasons of ConditionReserved.
const (
	// ReasonReserved means that the business unit's envelope holds the share.
	ReasonReserved = "Reserved"
	// ReasonEnvelopeExceeded means that the envelope does not suffice; the
	// message shows the arithmetic.
	ReasonEnvelopeExceeded = "EnvelopeExceeded"
	// ReasonEnvelopePending means that the business unit has not reserved its
	// own envelope in its parent's yet.
	ReasonEnvelopePending = "EnvelopePending"
	// ReasonReserveFailed means that the reservation could not be written; it
	// is tried again.
	ReasonReserveFailed = "ReserveFailed"
)

// The reasons of ConditionProvisioned.
const (
	// ReasonProvisioned means that every planned object exists as planned.
	ReasonProvisioned = "Provisioned"
	// ReasonSharedNamespacePending means that the business unit's controller
	// has not made the shared namespace yet.
	ReasonSharedNamespacePending = "SharedNamespacePending"
	// ReasonApplyFailed means that the API server refused an object; it is
	// tried again.
	ReasonApplyFailed = "ApplyFailed"
)

// The reasons of ConditionIsolated.
const (
	// ReasonIsolated means that pods may start in every namespace.
	ReasonIsolated = "Isolated"
	// ReasonQuotaNotLive means that Kubernetes does not enforce a quota yet.
	ReasonQuotaNotLive = "QuotaNotLive"
	// ReasonIsolateFailed means that the state of isolation could not be read
	// or written; it is tried again.
	ReasonIsolateFailed = "IsolateFailed"
	// ReasonNamespaceTerminating means that a namespace is being deleted.
	ReasonNamespaceTerminating = "NamespaceTerminating"
)

// The reasons of ConditionOffboarded.
const (
	// ReasonOffboarding means that a step of the procedure is at work.
	ReasonOffboarding = "Offboarding"
	// ReasonLegalHold means that the procedure stops before the drain until
	// spec.lifecycle.legalHold is emptied.
	ReasonLegalHold = "LegalHold"
	// ReasonStuckFinalizer means that an object is not deleted because another
	// controller's finalizer holds it; the message names both.
	ReasonStuckFinalizer = "StuckFinalizer"
	// ReasonOffboarded means that nothing of the tenant is left but what the
	// residue report lists.
	ReasonOffboarded = "Offboarded"
)

// ReasonInUse is the reason of Ready on a BusinessUnit or Tier that is being
// deleted while others still need it.
const ReasonInUse = "InUse"

// ReasonFor is the condition reason that an error of Validate, ValidateUnit or
// ValidateTier maps to. They keep it in the error's Origin.
func ReasonFor(err *field.Error) string {
	if err.Origin != "" {
		return err.Origin
	}
	return ReasonInvalidSpec
}
