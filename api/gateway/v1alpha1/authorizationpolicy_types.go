package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AuthorizationPolicy says who may call the routes that name it, and how callers
// prove who they are. A credential that is bad is refused with 401, an identity
// that may not with 403.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=roadbed,shortName=authz
// +kubebuilder:printcolumn:name="Issuers",type=string,JSONPath=`.spec.issuers[*].url`
// +kubebuilder:printcolumn:name="Keys",type=string,JSONPath=`.spec.apiKeys.header`
// +kubebuilder:printcolumn:name="Anonymous",type=string,JSONPath=`.spec.anonymous`,priority=1
// +kubebuilder:printcolumn:name="Routes",type=integer,JSONPath=`.status.routes`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AuthorizationPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what callers must show.
	// +kubebuilder:default={}
	// +optional
	Spec AuthorizationPolicySpec `json:"spec,omitempty"`
	// status says whether it can be enforced.
	// +optional
	Status PolicyStatus `json:"status,omitempty"`
}

// AuthorizationPolicySpec says what callers must show. Without any of issuers,
// apiKeys and clientCertificates, the cluster itself is the issuer: callers show a
// token of a service account for the audience platform-api.
//
// +kubebuilder:validation:XValidation:rule="!has(self.issuers) || self.issuers.filter(i, i.type == 'Cluster').size() <= 1",message="spec.issuers may have one issuer of type Cluster: put all audiences into its list"
type AuthorizationPolicySpec struct {
	// issuers are whose tokens are taken.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	Issuers []TokenIssuer `json:"issuers,omitempty"`

	// tokenToBackend says whether the backend gets the token that was verified: Passed
	// is for one that checks it itself. Whoever has a caller's token can call the
	// platform's other APIs as the caller while the token is valid.
	// +kubebuilder:validation:Enum=Dropped;Passed
	// +kubebuilder:default=Dropped
	// +optional
	TokenToBackend string `json:"tokenToBackend,omitempty"`

	// apiKeys takes the API keys of Subscriptions.
	// +optional
	APIKeys *APIKeys `json:"apiKeys,omitempty"`

	// clientCertificates takes client certificates that the listener verified. The
	// first URI or DNS name of the certificate is the caller's name, and a SPIFFE
	// ID spiffe://DOMAIN/ns/NAMESPACE/sa/NAME is a workload of the namespace's
	// tenant.
	// +kubebuilder:validation:Enum=Accept;Ignore
	// +kubebuilder:default=Ignore
	// +optional
	ClientCertificates string `json:"clientCertificates,omitempty"`

	// anonymous lets requests without any credential pass as nobody. A bad
	// credential is refused all the same.
	// +kubebuilder:validation:Enum=Allow;Refuse
	// +kubebuilder:default=Refuse
	// +optional
	Anonymous string `json:"anonymous,omitempty"`

	// tenant says whether a caller must belong to a tenant; one that does not is
	// then refused with 403.
	// +kubebuilder:validation:Enum=Required;Optional
	// +kubebuilder:default=Required
	// +optional
	Tenant string `json:"tenant,omitempty"`

	// rules: a caller passes when one of them holds. Without any, each identity
	// passes.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Rules []AuthorizationRule `json:"rules,omitempty"`
}

// TokenIssuer is whose tokens are taken.
//
// +kubebuilder:validation:XValidation:rule="self.type == 'Cluster' ? !has(self.url) && !has(self.jwks) && !has(self.tenantClaim) && !has(self.groupsClaim) && !has(self.groupsPrefix) : has(self.url) && has(self.audiences)",message="an issuer of type OIDC needs url and audiences; one of type Cluster is known already and takes neither url, jwks, tenantClaim, groupsClaim nor groupsPrefix"
type TokenIssuer struct {
	// type is Cluster for the cluster's own service accounts, whose tenant follows
	// from their namespace, and OIDC for all else.
	// +kubebuilder:validation:Enum=OIDC;Cluster
	// +kubebuilder:default=OIDC
	// +optional
	Type string `json:"type,omitempty"`

	// url is what the token's claim iss must be. Its discovery document says where
	// the keys are, unless jwks does.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^https?://[^\s?#]+$`
	// +optional
	URL string `json:"url,omitempty"`

	// audiences: one must be in the token's claim aud. Of the cluster's tokens,
	// platform-api when none is given.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +listType=set
	// +optional
	Audiences []string `json:"audiences,omitempty"`

	// jwks says where the issuer's keys are.
	// +optional
	JWKS *KeySet `json:"jwks,omitempty"`

	// algorithms are taken; RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384,
	// ES512 and EdDSA when none is given. None and shared secrets never are.
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:Enum=RS256;RS384;RS512;PS256;PS384;PS512;ES256;ES384;ES512;EdDSA
	// +listType=set
	// +optional
	Algorithms []string `json:"algorithms,omitempty"`

	// tenantClaim is the path of the claim that names the caller's tenant, its
	// elements separated by dots. Without it, callers of an issuer of type OIDC
	// belong to none.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	TenantClaim string `json:"tenantClaim,omitempty"`

	// groupsClaim is the path of the claim with a person's groups, for issuers of
	// people. Without it, callers are workloads.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	GroupsClaim string `json:"groupsClaim,omitempty"`

	// groupsPrefix is put before the name of each group, such as corp: where the
	// issuer says developers and the API server knows them as corp:developers.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	GroupsPrefix string `json:"groupsPrefix,omitempty"`

	// maxStale is how long known keys are used while the issuer cannot be reached.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s)){1,3}$`
	// +kubebuilder:default="24h"
	// +optional
	MaxStale *metav1.Duration `json:"maxStale,omitempty"`
}

// KeySet says where an issuer's keys are, and whom to trust for it.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.uri) && has(self.inline)) && (has(self.uri) || has(self.inline) || has(self.caBundle))",message="give either uri or inline, or caBundle alone for an issuer whose discovery document says where its keys are"
type KeySet struct {
	// uri is where to fetch the key set.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^https?://[^\s#]+$`
	// +optional
	URI string `json:"uri,omitempty"`

	// inline is the key set itself, as JSON.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	Inline string `json:"inline,omitempty"`

	// caBundle are the PEM certificates that the issuer's servers are verified with;
	// the system's when empty.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	CABundle string `json:"caBundle,omitempty"`
}

// APIKeys takes the API keys of Subscriptions.
type APIKeys struct {
	// header carries the key.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`
	// +kubebuilder:default="x-api-key"
	// +optional
	Header string `json:"header,omitempty"`

	// toBackend says whether the backend gets the key: Passed is for one that checks
	// it itself.
	// +kubebuilder:validation:Enum=Dropped;Passed
	// +kubebuilder:default=Dropped
	// +optional
	ToBackend string `json:"toBackend,omitempty"`
}

// AuthorizationRule is a conjunction: all that it says must hold.
type AuthorizationRule struct {
	// tenants the caller may belong to; any when empty.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Tenants []string `json:"tenants,omitempty"`

	// methods the request may have; any when empty.
	// +kubebuilder:validation:MaxItems=9
	// +kubebuilder:validation:items:Enum=GET;HEAD;POST;PUT;DELETE;CONNECT;OPTIONS;TRACE;PATCH
	// +listType=set
	// +optional
	Methods []string `json:"methods,omitempty"`

	// claims that must hold.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=path
	// +optional
	Claims []ClaimRequirement `json:"claims,omitempty"`
}

// ClaimRequirement is one claim: it must be, or contain, one of the values.
type ClaimRequirement struct {
	// path of the claim, its elements separated by dots.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Path string `json:"path"`

	// values of which the claim must be or contain one.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=256
	// +listType=set
	Values []string `json:"values"`
}

// AuthorizationPolicyList is a list of authorization policies.
//
// +kubebuilder:object:root=true
type AuthorizationPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AuthorizationPolicy `json:"items"`
}
