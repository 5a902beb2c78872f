package policy

// ImageCheck is what a policy wants proved of an image.
type ImageCheck struct {
	// Reference is the image as the object names it.
	Reference string
	// Attestor is who must have signed: one of its fields is set.
	Attestor Attestor
	// PredicateType asks for a signed attestation of this type instead of a
	// signature of the image; empty for a signature.
	PredicateType string
	// Repository holds the signatures where they are not beside the image.
	Repository string
	// Annotations must be part of the signed payload.
	Annotations map[string]string
}

// Attestor says whose signature counts.
type Attestor struct {
	// Name is for messages.
	Name string
	// Key is a PEM public key.
	Key string
	// HashAlgorithm is sha256 unless it is set: sha224, sha384 or sha512.
	HashAlgorithm string
	// Certificate and Chain are PEM.
	Certificate, Chain string
	// Keyless asks for a certificate of a Fulcio with one of the identities.
	Keyless *Keyless
	// Notary lists PEM certificates whose notation signature counts.
	Notary []string
	// IgnoreTlog asks for no proof from a transparency log.
	IgnoreTlog bool
	// IgnoreSCT asks for no proof that the certificate was logged.
	IgnoreSCT bool
	// RekorURL and RekorKey (PEM) name a transparency log of one's own.
	RekorURL, RekorKey string
}

// Keyless lists the identities that count, and the roots that may vouch for them.
type Keyless struct {
	Identities []Identity
	// Roots are PEM certificates; empty means the public good instance.
	Roots string
}

// Identity of a signer, as an OIDC issuer names it. A pattern field is a
// regular expression and used when its plain twin is empty.
type Identity struct {
	Issuer, IssuerPattern   string
	Subject, SubjectPattern string
}

// ImageProof is what was proved.
type ImageProof struct {
	// Digest is the image's, "sha256:...".
	Digest string
	// Statements are the decoded predicates of the attestations found.
	Statements []map[string]any
	// Signer says who signed, for people.
	Signer string
}
