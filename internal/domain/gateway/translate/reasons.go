package translate

// Reasons beyond those that Gateway API defines.
const (
	// ReasonFilterNotFound says that a filter of a route names a policy that does
	// not exist: the rules that name it answer 500 until it does.
	ReasonFilterNotFound = "FilterNotFound"
	// ReasonHostnameTaken says that a route of the other kind, HTTPRoute or
	// GRPCRoute, was there before with one of the route's host names.
	ReasonHostnameTaken = "HostnameTaken"
	// ReasonRulesDropped says that some rules of a route cannot be served and the
	// others are.
	ReasonRulesDropped = "RulesDropped"
	// ReasonEnforced says that a policy can be enforced as it is written.
	ReasonEnforced = "Enforced"
	// ReasonInvalidKeys says that an AuthorizationPolicy has keys or certificates
	// inline that cannot be read: the issuer's tokens are refused.
	ReasonInvalidKeys = "InvalidKeys"
)
