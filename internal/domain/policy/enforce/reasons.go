package enforce

// The conditions of policies, beside Ready.
const (
	// ConditionCompiled tells whether every expression of the policy could be compiled.
	ConditionCompiled = "Compiled"
	// ConditionEnforced tells who judges requests by the policy.
	ConditionEnforced = "Enforced"
)

// The reasons of a policy's conditions.
const (
	// ReasonCompiled means that every expression of the policy could be compiled.
	ReasonCompiled = "Compiled"
	// ReasonInPart means that the policy could be compiled, but for rules that
	// Roadbed does not support: the message names each.
	ReasonInPart = "CompiledInPart"
	// ReasonInVain means that the policy could be compiled, and names kinds that it
	// never concerns, because the cluster does not serve them or, in a policy of one
	// namespace, because they are in none: the message names each. It is in force
	// for its other kinds, and for these when they are served.
	ReasonInVain = "SelectsInVain"
	// ReasonInvalid means that the policy is wrong: the message names each field.
	// What was in force for it before stays in force.
	ReasonInvalid = "InvalidPolicy"
	// ReasonNative means that the API server judges requests by the policy,
	// whether or not Roadbed runs.
	ReasonNative = "Native"
	// ReasonEngine means that Roadbed's webhook judges requests by the policy,
	// because the API server cannot.
	ReasonEngine = "Engine"
	// ReasonLegacy means that Roadbed's webhook judges requests by the policy,
	// which is one of kyverno.io/v1, by its interpreter.
	ReasonLegacy = "Legacy"
	// ReasonScansOnly means that the policy asks for no part in admission.
	ReasonScansOnly = "ScansOnly"
	// ReasonNotEnforced means that the API server cannot evaluate the policy, and
	// that no webhook of Roadbed's does: scans and the command line still do.
	ReasonNotEnforced = "NotEnforced"
	// ReasonRefused means that the API server refuses the native policy.
	ReasonRefused = "RefusedByAPIServer"
	// ReasonWriteFailed means that a native policy could not be written. It is
	// tried again.
	ReasonWriteFailed = "WriteFailed"
)
