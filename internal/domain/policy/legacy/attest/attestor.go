package attest

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// Set is content when enough of its members are.
type Set struct {
	path    string
	count   int
	members []member
}

// member is an attestor, or a set of them.
type member struct {
	path     string
	attestor *attestor
	set      *Set
}

// attestor is a compiled attestor. Texts may have variables.
type attestor struct {
	kind        string
	key         *variable.Template
	secret      *kyvernov1.SecretReference
	certificate *variable.Template
	chain       *variable.Template
	fixed       policy.Attestor
	notary      bool
	annotations map[string]string
	repository  string
}

const maxDepth = 8

// compiler compiles the attestors of a rule.
type compiler struct{ *draft.Rule }

// Compile compiles sets that must all be content. Notary tells that certificates
// are for notation's signatures.
func Compile(rule *draft.Rule, path string, sources []kyvernov1.AttestorSet, notary bool, scope variable.Scope) []Set {
	c := compiler{rule}
	var sets []Set
	for i, source := range sources {
		sets = append(sets, c.set(fmt.Sprintf("%s.attestors[%d]", path, i), source, notary, scope, 0))
	}
	return sets
}

func (c compiler) set(path string, source kyvernov1.AttestorSet, notary bool, scope variable.Scope, depth int) Set {
	set := Set{path: path}
	if len(source.Entries) == 0 {
		c.Wrong(path+".entries", "is empty: nobody could sign")
	}
	for i, entry := range source.Entries {
		set.members = append(set.members, c.members(fmt.Sprintf("%s.entries[%d]", path, i), entry, notary, scope, depth)...)
	}
	set.count = len(set.members)
	if source.Count != nil {
		set.count = *source.Count
	}
	// An entry that could not be compiled was told of already.
	whole := len(set.members) >= len(source.Entries)
	if whole && (set.count < 1 || set.count > len(set.members)) {
		c.Wrong(path+".count", "%d of %d entries cannot be content", set.count, len(set.members))
	}
	return set
}

// members are one for each key of an entry.
func (c compiler) members(path string, source kyvernov1.Attestor, notary bool, scope variable.Scope, depth int) []member {
	switch {
	case source.Attestor != nil:
		var nested kyvernov1.AttestorSet
		if err := draft.Strictly(source.Attestor.Raw, &nested); err != nil || depth >= maxDepth {
			c.Wrong(path+".attestor", "is no set of attestors {count, entries}: %v", err)
			return nil
		}
		set := c.set(path+".attestor", nested, notary, scope, depth+1)
		return []member{{path: path + ".attestor", set: &set}}
	case source.Keys != nil:
		return c.keys(path+".keys", source, scope)
	case source.Certificates != nil:
		return []member{c.certificates(path+".certificates", source, notary, scope)}
	case source.Keyless != nil:
		return []member{c.keyless(path+".keyless", source)}
	}
	c.Wrong(path, "says not who must sign; use one of keys, certificates, keyless and attestor")
	return nil
}

// common is what all kinds of attestors share.
func (c compiler) common(kind string, source kyvernov1.Attestor, path string, rekor *kyvernov1.Rekor, log *kyvernov1.CTLog) *attestor {
	made := &attestor{kind: kind, annotations: source.Annotations, repository: source.Repository}
	made.fixed = policy.Attestor{Name: path, HashAlgorithm: source.SignatureAlgorithm}
	if rekor != nil {
		made.fixed.IgnoreTlog, made.fixed.RekorURL, made.fixed.RekorKey = rekor.IgnoreTlog, rekor.URL, rekor.PubKey
		c.checkOwnKey(path+".rekor.pubkey", rekor.PubKey)
	}
	if log != nil {
		made.fixed.IgnoreSCT, made.fixed.CTLogKey, made.fixed.Timestamps = log.IgnoreSCT, log.PubKey, log.TSACertChain
		c.checkOwnKey(path+".ctlog.pubkey", log.PubKey)
		c.checkCertificate(path+".ctlog.tsaCertChain", log.TSACertChain)
	}
	return made
}

func (c compiler) keys(path string, source kyvernov1.Attestor, scope variable.Scope) []member {
	keys := source.Keys
	if keys.SignatureAlgorithm != "" {
		source.SignatureAlgorithm = keys.SignatureAlgorithm
	}
	if keys.KMS != "" || strings.Contains(keys.PublicKeys, "kms://") {
		c.Unsupported(path+".kms", "keys in a key management system are not supported; write the public key into publicKeys")
		return nil
	}
	if name, ok := strings.CutPrefix(strings.TrimSpace(keys.PublicKeys), "k8s://"); ok {
		namespace, secret, _ := strings.Cut(name, "/")
		keys.Secret = &kyvernov1.SecretReference{Namespace: namespace, Name: secret}
	}
	if keys.Secret != nil {
		made := c.common("keys", source, path, keys.Rekor, keys.CTLog)
		made.secret = keys.Secret
		return []member{{path: path, attestor: made}}
	}
	var members []member
	for _, key := range splitKeys(keys.PublicKeys) {
		c.checkKey(path+".publicKeys", key)
		made := c.common("keys", source, path, keys.Rekor, keys.CTLog)
		made.key = c.Template(path+".publicKeys", key, scope)
		members = append(members, member{path: path, attestor: made})
	}
	return members
}

var endOfKey = regexp.MustCompile(`-----END [A-Z ]*PUBLIC KEY-----`)

// splitKeys separates keys that stand one after the other.
func splitKeys(text string) []string {
	var keys []string
	for {
		end := endOfKey.FindStringIndex(text)
		if len(end) == 0 || strings.TrimSpace(text[end[1]:]) == "" {
			return append(keys, strings.TrimSpace(text))
		}
		keys = append(keys, strings.TrimSpace(text[:end[1]]))
		text = text[end[1]:]
	}
}

// checkKey wants a key that has no variables to parse.
func (c compiler) checkKey(path, key string) {
	if strings.Contains(key, "{{") {
		return
	}
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		c.Wrong(path, "the key cannot be read as PEM; was it shortened? A whole one begins with -----BEGIN PUBLIC KEY----- and is printed by: cosign public-key")
		return
	}
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
		return
	}
	if _, err := x509.ParsePKCS1PublicKey(block.Bytes); err != nil {
		c.Wrong(path, "the key cannot be parsed; was it shortened? A whole one is printed by: cosign public-key")
	}
}

// checkOwnKey wants the key of a log of one's own to parse, where there is one.
func (c compiler) checkOwnKey(path, key string) {
	if key != "" {
		c.checkKey(path, key)
	}
}

func (c compiler) certificates(path string, source kyvernov1.Attestor, notary bool, scope variable.Scope) member {
	certificates := source.Certificates
	made := c.common("certificates", source, path, certificates.Rekor, certificates.CTLog)
	made.notary = notary
	made.certificate = c.Template(path+".cert", certificates.Certificate, scope)
	made.chain = c.Template(path+".certChain", certificates.CertificateChain, scope)
	if certificates.Certificate == "" && certificates.CertificateChain == "" {
		c.Wrong(path, "has neither cert nor certChain")
	}
	c.checkCertificate(path+".cert", certificates.Certificate)
	c.checkCertificate(path+".certChain", certificates.CertificateChain)
	return member{path: path, attestor: made}
}

func (c compiler) checkCertificate(path, text string) {
	if text == "" || strings.Contains(text, "{{") {
		return
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		c.Wrong(path, "is no PEM block; a certificate begins with -----BEGIN CERTIFICATE-----")
		return
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		c.Wrong(path, "the certificate cannot be parsed: %v", err)
	}
}

func (c compiler) keyless(path string, source kyvernov1.Attestor) member {
	keyless := source.Keyless
	made := c.common("keyless", source, path, keyless.Rekor, keyless.CTLog)
	for key := range keyless.AdditionalExtensions {
		if _, known := policy.ExtensionName(key); !known {
			c.Wrong(path+".additionalExtensions", "certificates have no extension %q that is known", key)
		}
	}
	identity := policy.Identity{Issuer: keyless.Issuer, IssuerPattern: keyless.IssuerRegExp, Subject: keyless.Subject, SubjectPattern: keyless.SubjectRegExp}
	if strings.ContainsAny(keyless.Subject, "*?") {
		identity.Subject, identity.SubjectPattern = "", globExpression(keyless.Subject)
	}
	for field, expression := range map[string]string{"issuerRegExp": keyless.IssuerRegExp, "subjectRegExp": keyless.SubjectRegExp} {
		if _, err := regexp.Compile(expression); err != nil {
			c.Wrong(path+"."+field, "%v", err)
		}
	}
	if identity == (policy.Identity{}) && keyless.Roots == "" {
		c.Wrong(path, "names neither issuer, subject nor roots: anybody could sign")
	}
	made.fixed.Keyless = &policy.Keyless{Identities: []policy.Identity{identity}, Roots: keyless.Roots, Extensions: keyless.AdditionalExtensions}
	return member{path: path, attestor: made}
}

// globExpression writes a glob as a regular expression.
func globExpression(glob string) string {
	quoted := regexp.QuoteMeta(glob)
	return "^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted) + "$"
}

// resolve fills in the variables of an attestor, and reads its Secret.
func (a *attestor) resolve(e asking) (policy.Attestor, error) {
	resolved := a.fixed
	var err error
	switch {
	case a.secret != nil:
		resolved.Key, err = secretKey(e.context, e.world, *a.secret)
	case a.key != nil:
		resolved.Key, err = draft.Text(a.key, e.vars)
	case a.kind == "certificates":
		err = a.resolveCertificates(e, &resolved)
	}
	return resolved, err
}

func (a *attestor) resolveCertificates(e asking, resolved *policy.Attestor) error {
	certificate, err := draft.Text(a.certificate, e.vars)
	if err != nil {
		return err
	}
	chain, err := draft.Text(a.chain, e.vars)
	if err != nil {
		return err
	}
	if !a.notary {
		resolved.Certificate, resolved.Chain = certificate, chain
		return nil
	}
	for _, text := range []string{certificate, chain} {
		if text != "" {
			resolved.Notary = append(resolved.Notary, text)
		}
	}
	return nil
}

// secretKey reads cosign.pub of a Secret.
func secretKey(ctx context.Context, w policy.World, reference kyvernov1.SecretReference) (string, error) {
	if w.Lookup == nil {
		return "", policy.ErrNoWorld
	}
	secret, err := w.Lookup.Get(ctx, schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, reference.Namespace, reference.Name)
	if err != nil {
		return "", fmt.Errorf("reading the key from Secret %s/%s: %w", reference.Namespace, reference.Name, err)
	}
	data, _ := secret["data"].(map[string]any)
	encoded, _ := data["cosign.pub"].(string)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return "", fmt.Errorf("the Secret %s/%s has no cosign.pub", reference.Namespace, reference.Name)
	}
	return string(key), nil
}
