package engine

import (
	"encoding/pem"
	"fmt"

	celgo "github.com/google/cel-go/cel"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// attestor is whose signature counts, with the parts that expressions give.
type attestor struct {
	policy.Attestor
	repository  string
	annotations map[string]string
	// computed are the indexes of expressions, by what they give.
	computed map[string]int
}

// textExpression is an expression that gives a string.
type textExpression struct{ text string }

var _ plugincel.ExpressionAccessor = textExpression{}

// GetExpression returns the expression.
func (e textExpression) GetExpression() string { return e.text }

// ReturnTypes are string, or what is a string only when it is evaluated.
func (e textExpression) ReturnTypes() []*celgo.Type {
	return []*celgo.Type{celgo.StringType, celgo.DynType}
}

// attestorReader reads attestors, and collects their expressions and faults.
type attestorReader struct {
	expressions []string
	paths       []string
	faults      FaultsError
}

// compute notes an expression and where its value goes.
func (r *attestorReader) compute(a *attestor, what, path, expression string) {
	if expression == "" {
		return
	}
	if a.computed == nil {
		a.computed = map[string]int{}
	}
	a.computed[what] = len(r.expressions)
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
		r.compute(made, "key", path+".key.expression", from.Key.Expression)
		r.unsupported(path+".key.kms", "a key in a key management system", from.Key.KMS != "")
	}
	if from.Keyless != nil {
		made.Keyless = &policy.Keyless{Roots: from.Keyless.Roots}
		for _, identity := range from.Keyless.Identities {
			made.Keyless.Identities = append(made.Keyless.Identities, policy.Identity{
				Issuer: identity.Issuer, IssuerPattern: identity.IssuerRegExp,
				Subject: identity.Subject, SubjectPattern: identity.SubjectRegExp,
			})
		}
	}
	if from.Certificate != nil {
		made.Certificate = r.text(made, "certificate", path+".certificate.cert", from.Certificate.Certificate)
		made.Chain = r.text(made, "chain", path+".certificate.certChain", from.Certificate.CertificateChain)
	}
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

func (r *attestorReader) notary(made *attestor, path string, from *policiesv1.Notary) {
	certificates := r.text(made, "notary", path+".certs", from.Certs)
	made.Notary = splitPEM(certificates)
	if from.Certs == nil || certificates == "" && from.Certs.Expression == "" {
		r.faults = append(r.faults, Fault{Field: path + ".certs", Message: "is required: name the certificates that count"})
	}
	r.unsupported(path+".tsaCerts", "a timestamp authority of one's own", from.TSACerts != nil)
}

// text is a value, or the place of an expression that gives one.
func (r *attestorReader) text(made *attestor, what, path string, from *policiesv1.StringOrExpression) string {
	if from == nil {
		return ""
	}
	r.compute(made, what, path+".expression", from.Expression)
	return from.Value
}

// splitPEM gives each block of a text on its own. A text that is no PEM is one.
func splitPEM(text string) []string {
	var blocks []string
	rest := []byte(text)
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		blocks, rest = append(blocks, string(pem.EncodeToMemory(block))), after
	}
	if len(blocks) == 0 && text != "" {
		return []string{text}
	}
	return blocks
}

// with returns the attestor with what its expressions gave.
func (a attestor) with(values []string) (attestor, error) {
	if len(a.computed) == 0 {
		return a, nil
	}
	for what, i := range a.computed {
		switch what {
		case "key":
			a.Key = values[i]
		case "certificate":
			a.Certificate = values[i]
		case "chain":
			a.Chain = values[i]
		case "notary":
			a.Notary = splitPEM(values[i])
		}
	}
	if err := a.Check(); err != nil {
		return a, fmt.Errorf("its expressions: %w", err)
	}
	return a, nil
}
