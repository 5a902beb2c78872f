package v1

// ImageVerification wants images signed or attested.
type ImageVerification struct {
	// failureAction is Audit or Enforce; the policy's unless it is set.
	// +optional
	FailureAction *FailureAction `json:"failureAction,omitempty"`

	// type is Cosign, the default, SigstoreBundle or Notary.
	// +kubebuilder:validation:Enum=Cosign;SigstoreBundle;Notary
	// +optional
	Type string `json:"type,omitempty"`

	// image is the older form of imageReferences.
	// +optional
	Image string `json:"image,omitempty"`

	// imageReferences select images; * and ? are wildcards.
	// +optional
	ImageReferences []string `json:"imageReferences,omitempty"`

	// skipImageReferences take images out of what imageReferences select.
	// +optional
	SkipImageReferences []string `json:"skipImageReferences,omitempty"`

	// key is the older form of an attestor with a key.
	// +optional
	Key string `json:"key,omitempty"`

	// roots are the older form of a keyless attestor's roots.
	// +optional
	Roots string `json:"roots,omitempty"`

	// subject is the older form of a keyless attestor's subject.
	// +optional
	Subject string `json:"subject,omitempty"`

	// issuer is the older form of a keyless attestor's issuer.
	// +optional
	Issuer string `json:"issuer,omitempty"`

	// additionalExtensions are the older form of a keyless attestor's.
	// +optional
	AdditionalExtensions map[string]string `json:"additionalExtensions,omitempty"`

	// attestors must all be content, each set by its count.
	// +optional
	Attestors []AttestorSet `json:"attestors,omitempty"`

	// attestations must all be there.
	// +optional
	Attestations []Attestation `json:"attestations,omitempty"`

	// annotations are the older form of an attestor's annotations.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// repository holds signatures that are not beside the image.
	// +optional
	Repository string `json:"repository,omitempty"`

	// cosignOCI11 looks for signatures as OCI 1.1 referrers.
	// +optional
	CosignOCI11 bool `json:"cosignOCI11,omitempty"`

	// mutateDigest replaces tags by digests; true unless it is set.
	// +optional
	MutateDigest *bool `json:"mutateDigest,omitempty"`

	// verifyDigest wants every image to have a digest; true unless it is set.
	// +optional
	VerifyDigest *bool `json:"verifyDigest,omitempty"`

	// validate judges by what is known of all images.
	// +optional
	Validate ValidateImageVerification `json:"validate,omitempty"`

	// required wants every image to be verified; true unless it is set.
	// +optional
	Required *bool `json:"required,omitempty"`

	// imageRegistryCredentials are for the registry.
	// +optional
	ImageRegistryCredentials *ImageRegistryCredentials `json:"imageRegistryCredentials,omitempty"`

	// useCache keeps answers for a while; true unless it is set.
	// +optional
	UseCache *bool `json:"useCache,omitempty"`
}

// AttestorSet is content when enough of its entries are.
type AttestorSet struct {
	// count of entries that must be content; all unless it is set.
	// +kubebuilder:validation:Minimum=1
	// +optional
	Count *int `json:"count,omitempty"`

	// entries are attestors.
	// +optional
	Entries []Attestor `json:"entries,omitempty"`
}

// Attestor is whose signature counts: by one of keys, certificates, keyless and
// attestor.
type Attestor struct {
	// keys are public keys.
	// +optional
	Keys *StaticKeyAttestor `json:"keys,omitempty"`

	// certificates are certificates of one's own.
	// +optional
	Certificates *CertificateAttestor `json:"certificates,omitempty"`

	// keyless is an identity of short-lived certificates.
	// +optional
	Keyless *KeylessAttestor `json:"keyless,omitempty"`

	// attestor is a set of attestors: {count: 1, entries: []}.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Attestor *JSON `json:"attestor,omitempty"`

	// annotations must be part of the signed payload.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// repository holds signatures that are not beside the image.
	// +optional
	Repository string `json:"repository,omitempty"`

	// signatureAlgorithm is sha224, sha256, sha384 or sha512; sha256 unless it is
	// set.
	// +optional
	SignatureAlgorithm string `json:"signatureAlgorithm,omitempty"`
}

// StaticKeyAttestor is public keys.
type StaticKeyAttestor struct {
	// publicKeys is PEM of one key or several, or k8s://NAMESPACE/SECRET; may
	// hold variables. Several count as so many entries of the set.
	// +optional
	PublicKeys string `json:"publicKeys,omitempty"`

	// signatureAlgorithm is the older place of the attestor's.
	// +optional
	SignatureAlgorithm string `json:"signatureAlgorithm,omitempty"`

	// kms is the address of a key management system.
	// +optional
	KMS string `json:"kms,omitempty"`

	// secret holds the key as cosign.pub.
	// +optional
	Secret *SecretReference `json:"secret,omitempty"`

	// rekor configures the transparency log.
	// +optional
	Rekor *Rekor `json:"rekor,omitempty"`

	// ctlog configures the certificate log.
	// +optional
	CTLog *CTLog `json:"ctlog,omitempty"`
}

// SecretReference names a Secret.
type SecretReference struct {
	// name of the Secret.
	Name string `json:"name"`
	// namespace of the Secret.
	Namespace string `json:"namespace"`
}

// CertificateAttestor is a certificate of one's own.
type CertificateAttestor struct {
	// cert is PEM; may hold variables.
	// +optional
	Certificate string `json:"cert,omitempty"`

	// certChain is PEM; may hold variables.
	// +optional
	CertificateChain string `json:"certChain,omitempty"`

	// rekor configures the transparency log.
	// +optional
	Rekor *Rekor `json:"rekor,omitempty"`

	// ctlog configures the certificate log.
	// +optional
	CTLog *CTLog `json:"ctlog,omitempty"`
}

// KeylessAttestor is an identity of short-lived certificates.
type KeylessAttestor struct {
	// rekor configures the transparency log.
	// +optional
	Rekor *Rekor `json:"rekor,omitempty"`

	// ctlog configures the certificate log.
	// +optional
	CTLog *CTLog `json:"ctlog,omitempty"`

	// issuer is compared as it is.
	// +optional
	Issuer string `json:"issuer,omitempty"`

	// issuerRegExp is used where there is no issuer.
	// +optional
	IssuerRegExp string `json:"issuerRegExp,omitempty"`

	// subject may hold the wildcards * and ?.
	// +optional
	Subject string `json:"subject,omitempty"`

	// subjectRegExp is used where there is no subject.
	// +optional
	SubjectRegExp string `json:"subjectRegExp,omitempty"`

	// roots are PEM; the public good instance's unless they are given.
	// +optional
	Roots string `json:"roots,omitempty"`

	// additionalExtensions of the certificate that must fit.
	// +optional
	AdditionalExtensions map[string]string `json:"additionalExtensions,omitempty"`
}

// Rekor configures the transparency log.
type Rekor struct {
	// url of the log.
	// +optional
	URL string `json:"url,omitempty"`

	// pubkey is PEM, for a log of one's own.
	// +optional
	PubKey string `json:"pubkey,omitempty"`

	// ignoreTlog asks for no proof from the log.
	// +optional
	IgnoreTlog bool `json:"ignoreTlog,omitempty"`
}

// CTLog configures the certificate log.
type CTLog struct {
	// ignoreSCT asks for no proof that the certificate was logged.
	// +optional
	IgnoreSCT bool `json:"ignoreSCT,omitempty"`

	// pubkey is PEM, for a log of one's own.
	// +optional
	PubKey string `json:"pubkey,omitempty"`

	// tsaCertChain is PEM, for timestamps.
	// +optional
	TSACertChain string `json:"tsaCertChain,omitempty"`
}

// Attestation wants something attested of an image.
type Attestation struct {
	// name under which the statement's predicate appears.
	// +optional
	Name string `json:"name,omitempty"`

	// predicateType is the older name of type.
	// +optional
	PredicateType string `json:"predicateType,omitempty"`

	// type of the predicate.
	// +optional
	Type string `json:"type,omitempty"`

	// attestors must have signed the statement.
	// +optional
	Attestors []AttestorSet `json:"attestors,omitempty"`

	// conditions on the predicate.
	// +optional
	Conditions []AnyAllConditions `json:"conditions,omitempty"`
}

// ImageRegistryCredentials are for a registry.
type ImageRegistryCredentials struct {
	// allowInsecureRegistry allows plain HTTP and unknown certificates.
	// +optional
	AllowInsecureRegistry bool `json:"allowInsecureRegistry,omitempty"`

	// providers are default, google, azure, amazon or github.
	// +optional
	Providers []string `json:"providers,omitempty"`

	// secrets are names of pull secrets in the namespace of the policy engine.
	// +optional
	Secrets []string `json:"secrets,omitempty"`
}

// ValidateImageVerification judges by what is known of all images.
type ValidateImageVerification struct {
	// message of a failure.
	// +optional
	Message string `json:"message,omitempty"`

	// deny refuses when its conditions hold.
	// +optional
	Deny *Deny `json:"deny,omitempty"`
}
