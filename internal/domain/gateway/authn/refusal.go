package authn

import (
	"net/http"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/exchange"
)

// The reasons of refusals, as access logs have them.
const (
	// ReasonNoCredential is a request that shows nothing.
	ReasonNoCredential = "no_credential"
	// ReasonSeveral is a request with the credential's header more than once.
	ReasonSeveral = "several_credentials"
	// ReasonMalformed is a token that cannot be read, or is too long.
	ReasonMalformed = "token_malformed"
	// ReasonAlgorithm is a token signed by an algorithm that is not taken, alg
	// none and shared secrets among them.
	ReasonAlgorithm = "token_algorithm"
	// ReasonCritical is a token whose header demands what we do not know (crit).
	ReasonCritical = "token_critical"
	// ReasonIssuer is a token of an issuer that the policy does not take.
	ReasonIssuer = "token_issuer"
	// ReasonAudience is a token for somebody else.
	ReasonAudience = "token_audience"
	// ReasonExpired is a token that has ended, or never does.
	ReasonExpired = "token_expired"
	// ReasonEarly is a token that has not begun, or was issued in the future.
	ReasonEarly = "token_early"
	// ReasonSubject is a token about nobody.
	ReasonSubject = "token_subject"
	// ReasonKey is a token signed by a key that its issuer does not publish.
	ReasonKey = "token_key"
	// ReasonSignature is a token that its key did not sign.
	ReasonSignature = "token_signature"
	// ReasonUndecided is a token that cannot be checked because the keys of its
	// issuer are out of reach.
	ReasonUndecided = "issuer_unreachable"
	// ReasonAPIKey is an API key that nobody has, or that has ended.
	ReasonAPIKey = "api_key"
	// ReasonAPI is an API key that is for other APIs.
	ReasonAPI = "api_key_scope"
	// ReasonCertificate is a client certificate that has ended or names nobody.
	ReasonCertificate = "certificate"
	// ReasonNoTenant is a caller who belongs to no tenant.
	ReasonNoTenant = "no_tenant"
	// ReasonTenants is a request with credentials of different tenants.
	ReasonTenants = "different_tenants"
	// ReasonRules is a caller for whom no rule holds.
	ReasonRules = "rules"
	// ReasonPolicy is a policy that the gateway does not know.
	ReasonPolicy = "policy_unknown"
)

// realm is what WWW-Authenticate calls us.
const realm = `realm="platform-api"`

// bearer is what the challenge of a bad token says (RFC 6750).
func bearer(code, reason, detail string) *exchange.Refusal {
	return &exchange.Refusal{
		Status: http.StatusUnauthorized, Detail: detail, Reason: reason,
		Challenge: `Bearer ` + realm + `, error="` + code + `", error_description="` + detail + `"`,
	}
}

func badToken(reason, detail string) *exchange.Refusal {
	return bearer("invalid_token", reason, detail)
}

func forbidden(reason, detail string) *exchange.Refusal {
	return &exchange.Refusal{Status: http.StatusForbidden, Detail: detail, Reason: reason}
}

// refusals are made once, so that a flood of bad requests costs no memory. They
// are never changed.
type refusals struct {
	several, malformed, algorithm, critical, issuer, audience, expired, early, subject, key, signature *exchange.Refusal
	undecided, apiKey, api, certificate, noTenant, tenants, rules, policy                              *exchange.Refusal
}

func newRefusals() *refusals {
	return &refusals{
		several:   bearer("invalid_request", ReasonSeveral, "The request has more than one credential of a kind. Send one."),
		malformed: badToken(ReasonMalformed, "The token is no signed JSON Web Token, or is too long. Ask your issuer for another."),
		algorithm: badToken(ReasonAlgorithm, "The token is signed by an algorithm that is not taken here. Ask your issuer for one signed by RSA, ECDSA or EdDSA."),
		critical:  badToken(ReasonCritical, "The token demands an extension that is not known here. Ask your issuer for one without crit."),
		issuer:    badToken(ReasonIssuer, "The token is of an issuer that is not taken here. Use one of the API's own issuers."),
		audience:  badToken(ReasonAudience, "The token is for another audience. Ask your issuer for one for this API."),
		expired:   badToken(ReasonExpired, "The token has expired, or does not say when it will. Ask your issuer for another."),
		early:     badToken(ReasonEarly, "The token is not valid yet. Use it later, or check the clock of your issuer."),
		subject:   badToken(ReasonSubject, "The token does not say whom it is about. Ask your issuer for one with a subject."),
		key:       badToken(ReasonKey, "The token is signed by a key that its issuer does not publish. Ask your issuer for another."),
		signature: badToken(ReasonSignature, "The signature of the token is not its issuer's. Ask your issuer for another."),
		undecided: &exchange.Refusal{
			Status: http.StatusServiceUnavailable, Reason: ReasonUndecided,
			Detail: "The token cannot be checked at the moment. Keep it, and try again in a few seconds.",
		},
		apiKey: &exchange.Refusal{
			Status: http.StatusUnauthorized, Reason: ReasonAPIKey, Challenge: "ApiKey " + realm,
			Detail: "The API key is not known, or has expired. Use that of your Subscription.",
		},
		api: forbidden(ReasonAPI, "The API key is for other APIs. Add this one to your Subscription."),
		certificate: &exchange.Refusal{
			Status: http.StatusUnauthorized, Reason: ReasonCertificate, Challenge: "Bearer " + realm,
			Detail: "The client certificate has expired, or names nobody. Connect with another.",
		},
		noTenant: forbidden(ReasonNoTenant, "The caller belongs to no tenant. Call from a namespace of your tenant, or as a member of one."),
		tenants:  forbidden(ReasonTenants, "The request has credentials of different tenants. Send those of one."),
		rules:    forbidden(ReasonRules, "The caller may not do this. Ask the API's owner for access."),
		policy: &exchange.Refusal{
			Status: http.StatusServiceUnavailable, Reason: ReasonPolicy,
			Detail: "The gateway cannot check who calls. Try again later.",
		},
	}
}

// missing is what a request is told that shows nothing: with what to come back.
func missing(takesTokens, takesKeys bool, header string) *exchange.Refusal {
	challenge, detail := "", ""
	if takesTokens {
		challenge, detail = "Bearer "+realm, "Send a token in the header Authorization: Bearer TOKEN."
	}
	if takesKeys {
		if challenge != "" {
			challenge, detail = challenge+", ", detail+" "
		}
		challenge += "ApiKey " + realm
		detail += "Send the API key of your Subscription in the header " + header + "."
	}
	if challenge == "" {
		challenge, detail = "Bearer "+realm, "Connect with a client certificate."
	}
	return &exchange.Refusal{
		Status: http.StatusUnauthorized, Challenge: challenge, Reason: ReasonNoCredential,
		Detail: "The request does not say who calls. " + detail,
	}
}
