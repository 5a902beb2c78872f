package capability

// The condition types of a Capability, in the order in which they become true.
const (
	// ConditionAccepted says whether the Capability can be published as it is.
	ConditionAccepted = "Accepted"
	// ConditionContracted says whether the contracts of the versions hold: the
	// schemas in force are those that were promised.
	ConditionContracted = "Contracted"
	// ConditionPublished says whether kind, rights, route and documents are there.
	ConditionPublished = "Published"
	// ConditionServed says whether the API server serves every version.
	ConditionServed = "Served"
	// ConditionAvailable says whether what is claimed can be provisioned now:
	// whether the servers of Roadbed's own provisioners are there.
	ConditionAvailable = "Available"
)

// Reasons of the conditions of a Capability.
const (
	// ReasonAccepted: the Capability can be published.
	ReasonAccepted = "Accepted"
	// ReasonInvalidSpec: something in the spec cannot be; the message names it.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonNameTaken: another Capability, or somebody else, has the claims' kind
	// or the API's name already.
	ReasonNameTaken = "NameTaken"
	// ReasonDependencyMissing: a capability that this one depends on is not there.
	ReasonDependencyMissing = "DependencyMissing"
	// ReasonFlagMissing: an alpha version names a FeatureFlag that does not exist,
	// so nobody can claim it.
	ReasonFlagMissing = "FlagMissing"
	// ReasonContracted: the contracts hold.
	ReasonContracted = "Contracted"
	// ReasonContractBroken: a schema differs from what was promised, which
	// admission would have refused; the kind stays as it is.
	ReasonContractBroken = "ContractBroken"
	// ReasonPublished: everything that follows from the Capability is there.
	ReasonPublished = "Published"
	// ReasonPublishFailed: something could not be written; the message says what.
	ReasonPublishFailed = "PublishFailed"
	// ReasonConversionUnavailable: the versions differ, and the API server cannot
	// reach Roadbed to convert between them.
	ReasonConversionUnavailable = "ConversionUnavailable"
	// ReasonRightsMissing: Roadbed may not hand out rights to the API group; the
	// message says how to let it.
	ReasonRightsMissing = "RightsMissing"
	// ReasonServed: the API server serves every version.
	ReasonServed = "Served"
	// ReasonNotServedYet: the API server has not taken the kind up yet.
	ReasonNotServedYet = "NotServedYet"
	// ReasonAvailable: what is claimed is provisioned.
	ReasonAvailable = "Available"
	// ReasonProvisionerUnavailable: a server that claims are provisioned on is not
	// there, and the message says which and what to do. Claims are taken, and wait.
	ReasonProvisionerUnavailable = "ProvisionerUnavailable"
	// ReasonNamesRefused: the API server refuses the kind's names.
	ReasonNamesRefused = "NamesRefused"
	// ReasonMigrating: claims are being rewritten in the version that is stored
	// now, so that a removed version may go.
	ReasonMigrating = "Migrating"
	// ReasonInUse: the Capability is being deleted and there are claims of it.
	ReasonInUse = "InUse"
	// ReasonWithdrawn: everything that followed from the Capability is gone.
	ReasonWithdrawn = "Withdrawn"
)

// Reasons of the condition Accepted of a FeatureFlag.
const (
	// ReasonFlagInUse: the flag opens the versions that the status names.
	ReasonFlagInUse = "FlagInUse"
	// ReasonFlagUnused: no version names the flag.
	ReasonFlagUnused = "FlagUnused"
	// ReasonTrailUnavailable: what would be done cannot be put on record, and is
	// therefore not done.
	ReasonTrailUnavailable = "TrailUnavailable"
)
