package engine

import (
	"fmt"
	"slices"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// attestor is whose signature counts, with the parts that expressions give.
type attestor struct {
	policy.Attestor
	repository  string
	annotations map[string]string
	// computed are the parts that expressions give, by the expressions' indexes.
	computed map[int]func(*attestor, string)
}

// attestorReader reads attestors, and collects their expressions and faults.
type attestorReader struct {
	expressions []string
	paths       []string
	faults      FaultsError
}

// compute notes an expression and where its value goes.
func (r *attestorReader) compute(a *attestor, path, expression string, take func(*attestor, string)) {
	if expression == "" {
		return
	}
	if a.computed == nil {
		a.computed = map[int]func(*attestor, string){}
	}
	a.computed[len(r.expressions)] = take
	r.expressions, r.paths = append(r.expressions, expression), append(r.paths, path)
}

func (r *attestorReader) unsupported(path, what string, asked bool) {
	if asked {
		r.faults = append(r.faults, Fault{Field: path, Message: what + " is not supported", Unsupported: true})
	}
}

func (r *attestorReader) credentials(namespace string, from policiesv1.Credentials) policy.RegistryCredentials {
	return policy.ReadCredentials(namespace != "", policy.RegistryCredentials{Secrets: from.Secrets, Insecure: from.AllowInsecureRegistry}, from.Providers, func(field, why string, unsupported bool) {
		r.faults = append(r.faults, Fault{Field: "spec.credentials." + field, Message: why, Unsupported: unsupported})
	})
}

// read understands one attestor.
func (r *attestorReader) read(path string, from policiesv1.Attestor) attestor {
	made := attestor{Attestor: policy.Attestor{Name: from.Name}}
	switch {
	case from.Cosign != nil:
		r.cosign(&made, path+".cosign", from.Cosign)
	case from.Notary != nil:
		r.notary(&made, path+".notary", from.Notary)
	}
	if len(made.computed) > 0 {
		return made
	}
	if err := made.Check(); err != nil {
		r.faults = append(r.faults, Fault{Field: path, Message: err.Error()})
	}
	return made
}

func (r *attestorReader) cosign(made *attestor, path string, from *policiesv1.Cosign) {
	made.annotations = from.Annotations
	if from.Key != nil {
		made.Key, made.HashAlgorithm = from.Key.Data, from.Key.HashAlgorithm
		r.compute(made, path+".key.expression", from.Key.Expression, func(a *attestor, key string) { a.Key = key })
		r.unsupported(path+".key.kms", "a key in a key management system", from.Key.KMS != "")
	}
	if from.Keyless != nil {
		r.keyless(made, path+".keyless", from.Keyless)
	}
	if from.Certificate != nil {
		made.Certificate = r.text(made, path+".certificate.cert", from.Certificate.Certificate, func(a *attestor, text string) { a.Certificate = text })
		made.Chain = r.text(made, path+".certificate.certChain", from.Certificate.CertificateChain, func(a *attestor, text string) { a.Chain = text })
	}
	made.TrustedRoot = r.text(made, path+".trustedRoot", from.TrustedRoot, func(a *attestor, text string) { a.TrustedRoot = text })
	if from.Source != nil {
		made.repository = from.Source.Repository
		r.unsupported(path+".source.tagPrefix", "a prefix of signatures' tags", from.Source.TagPrefix != "")
	}
	if from.CTLog != nil {
		made.RekorURL, made.RekorKey = from.CTLog.URL, from.CTLog.RekorPubKey
		made.IgnoreTlog, made.IgnoreSCT = from.CTLog.InsecureIgnoreTlog, from.CTLog.InsecureIgnoreSCT
		made.CTLogKey, made.Timestamps = from.CTLog.CTLogPubKey, from.CTLog.TSACertChain
	}
	r.unsupported(path+".tuf", "a TUF repository of one's own", from.TUF != nil)
}

func (r *attestorReader) keyless(made *attestor, path string, from *policiesv1.Keyless) {
	made.Keyless = &policy.Keyless{Roots: from.Roots, Extensions: from.AdditionalExtensions}
	for i, identity := range from.Identities {
		made.Keyless.Identities = append(made.Keyless.Identities, policy.Identity{
			Issuer: identity.Issuer, IssuerPattern: identity.IssuerRegExp, Subject: identity.Subject, SubjectPattern: identity.SubjectRegExp,
		})
		field := fmt.Sprintf("%s.identities[%d].subjectExpression", path, i)
		if identity.SubjectExpression != "" && identity.Subject+identity.SubjectRegExp != "" {
			r.faults = append(r.faults, Fault{Field: field, Message: "there is a subject already; give one of subject, subjectRegExp and subjectExpression"})
		}
		r.compute(made, field, identity.SubjectExpression, func(a *attestor, text string) { a.Keyless.Identities[i].SubjectPattern = text })
	}
}

func (r *attestorReader) notary(made *attestor, path string, from *policiesv1.Notary) {
	certificates := r.text(made, path+".certs", from.Certs, func(a *attestor, text string) { a.Notary = policy.PEMBlocks(text) })
	made.Notary = policy.PEMBlocks(certificates)
	if from.Certs == nil || certificates == "" && from.Certs.Expression == "" {
		r.faults = append(r.faults, Fault{Field: path + ".certs", Message: "is required: name the certificates that count"})
	}
	r.unsupported(path+".tsaCerts", "a timestamp authority of one's own", from.TSACerts != nil)
}

// text is a value, or the place of an expression that gives one.
func (r *attestorReader) text(made *attestor, path string, from *policiesv1.StringOrExpression, take func(*attestor, string)) string {
	if from == nil {
		return ""
	}
	r.compute(made, path+".expression", from.Expression, take)
	return from.Value
}

// with returns the attestor with what its expressions gave.
func (a attestor) with(values []string) (attestor, error) {
	if len(a.computed) == 0 {
		return a, nil
	}
	if a.Keyless != nil {
		own := *a.Keyless
		own.Identities = slices.Clone(own.Identities)
		a.Keyless = &own
	}
	for i, take := range a.computed {
		take(&a, values[i])
	}
	if err := a.Check(); err != nil {
		return a, fmt.Errorf("its expressions: %w", err)
	}
	return a, nil
}
