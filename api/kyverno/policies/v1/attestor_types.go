package v1

import corev1 "k8s.io/api/core/v1"

// Attestor is whose signature counts: cosign or notary.
type Attestor struct {
	// name under which it appears, as attestors.NAME.
	Name string `json:"name"`

	// cosign accepts signatures made by cosign.
	// +optional
	Cosign *Cosign `json:"cosign,omitempty"`

	// notary accepts signatures made by notation.
	// +optional
	Notary *Notary `json:"notary,omitempty"`
}

// Cosign accepts signatures by a key, by keyless signing or by a certificate.
type Cosign struct {
	// key is a public key.
	// +optional
	Key *Key `json:"key,omitempty"`

	// keyless lists identities of short-lived certificates.
	// +optional
	Keyless *Keyless `json:"keyless,omitempty"`

	// certificate is a certificate of one's own.
	// +optional
	Certificate *Certificate `json:"certificate,omitempty"`

	// source says where signatures are, if not beside the image.
	// +optional
	Source *Source `json:"source,omitempty"`

	// ctlog configures the transparency logs.
	// +optional
	CTLog *CTLog `json:"ctlog,omitempty"`

	// tuf says where trusted roots come from.
	// +optional
	TUF *TUF `json:"tuf,omitempty"`

	// trustedRoot is a Sigstore TrustedRoot as JSON: the roots and logs that vouch
	// for signatures, in place of those that Roadbed was started with.
	// +optional
	TrustedRoot *StringOrExpression `json:"trustedRoot,omitempty"`

	// annotations must be part of the signed payload.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Key is a public key, by one of data, kms and expression.
type Key struct {
	// data is PEM.
	// +optional
	Data string `json:"data,omitempty"`

	// kms is the address of a key management system.
	// +optional
	KMS string `json:"kms,omitempty"`

	// hashAlgorithm is sha224, sha256, sha384 or sha512; sha256 unless it is set.
	// +optional
	HashAlgorithm string `json:"hashAlgorithm,omitempty"`

	// expression returns PEM.
	// +optional
	Expression string `json:"expression,omitempty"`
}

// Keyless lists identities of short-lived certificates.
type Keyless struct {
	// identities are whose signatures count: any of them.
	Identities []Identity `json:"identities"`

	// roots are PEM; the public good instance's unless they are given.
	// +optional
	Roots string `json:"roots,omitempty"`

	// additionalExtensions are values that the certificate's extensions must have.
	// +optional
	AdditionalExtensions map[string]string `json:"additionalExtensions,omitempty"`
}

// Identity is a signer as an OIDC issuer names it.
type Identity struct {
	// issuer is compared as it is.
	// +optional
	Issuer string `json:"issuer,omitempty"`

	// subject is compared as it is.
	// +optional
	Subject string `json:"subject,omitempty"`

	// issuerRegExp is used where there is no issuer.
	// +optional
	IssuerRegExp string `json:"issuerRegExp,omitempty"`

	// subjectRegExp is used where there is no subject.
	// +optional
	SubjectRegExp string `json:"subjectRegExp,omitempty"`

	// subjectExpression returns what is used as subjectRegExp, which must be empty
	// then.
	// +optional
	SubjectExpression string `json:"subjectExpression,omitempty"`
}

// Certificate is a certificate of one's own.
type Certificate struct {
	// cert is PEM.
	// +optional
	Certificate *StringOrExpression `json:"cert,omitempty"`

	// certChain is PEM: intermediates first, the root last.
	// +optional
	CertificateChain *StringOrExpression `json:"certChain,omitempty"`
}

// StringOrExpression is a text, or an expression that returns one.
type StringOrExpression struct {
	// value is the text.
	// +optional
	Value string `json:"value,omitempty"`

	// expression returns it.
	// +optional
	Expression string `json:"expression,omitempty"`
}

// Source says where signatures are.
type Source struct {
	// repository holds them.
	// +optional
	Repository string `json:"repository,omitempty"`

	// PullSecrets are secrets in the object's namespace. The capital is Kyverno's.
	// +optional
	PullSecrets []corev1.LocalObjectReference `json:"PullSecrets,omitempty"`

	// tagPrefix is set before the tags of signatures.
	// +optional
	TagPrefix string `json:"tagPrefix,omitempty"`
}

// CTLog configures transparency logs and timestamps.
type CTLog struct {
	// url of a Rekor.
	// +optional
	URL string `json:"url,omitempty"`

	// rekorPubKey is PEM.
	// +optional
	RekorPubKey string `json:"rekorPubKey,omitempty"`

	// ctLogPubKey is PEM.
	// +optional
	CTLogPubKey string `json:"ctLogPubKey,omitempty"`

	// tsaCertChain is PEM.
	// +optional
	TSACertChain string `json:"tsaCertChain,omitempty"`

	// insecureIgnoreTlog asks for no proof from a transparency log.
	// +optional
	InsecureIgnoreTlog bool `json:"insecureIgnoreTlog,omitempty"`

	// insecureIgnoreSCT asks for no proof that the certificate was logged.
	// +optional
	InsecureIgnoreSCT bool `json:"insecureIgnoreSCT,omitempty"`
}

// TUF says where trusted roots come from.
type TUF struct {
	// root is the first trusted file.
	// +optional
	Root TUFRoot `json:"root,omitempty"`

	// mirror is the address of the repository.
	// +optional
	Mirror string `json:"mirror,omitempty"`
}

// TUFRoot is the first trusted file, by one of its fields.
type TUFRoot struct {
	// path is an address or a file.
	// +optional
	Path string `json:"path,omitempty"`

	// data is base64.
	// +optional
	Data string `json:"data,omitempty"`
}

// Notary accepts signatures made by notation.
type Notary struct {
	// certs are PEM.
	// +optional
	Certs *StringOrExpression `json:"certs,omitempty"`

	// tsaCerts are PEM, for timestamps.
	// +optional
	TSACerts *StringOrExpression `json:"tsaCerts,omitempty"`
}
