package engine

import (
	"context"
	"fmt"
	"slices"

	celgo "github.com/google/cel-go/cel"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/utils/ptr"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/autogen"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

// imagePolicy is a compiled ImageValidatingPolicy.
type imagePolicy struct {
	shared
	variants     []imageVariant
	references   imageReferences
	attestors    map[string]attestor
	attestations map[string]string
	// named is what expressions see as attestors.
	named       map[string]any
	credentials policy.RegistryCredentials
	// What validationConfigurations say.
	mutateDigest, verifyDigest, required bool
}

var _ policy.Mutator = (*imagePolicy)(nil)

// imageVariant is a policy as it was written, or rewritten for workload kinds.
type imageVariant struct {
	constraints *request.Constraints
	prefix      string
	programs    func() *imagePrograms
}

// imagePrograms is what a variant evaluates.
type imagePrograms struct {
	body *body
	// extractors find more images, by name.
	extractors []string
	extract    plugincel.ConditionEvaluator
	// texts are the expressions of attestors.
	texts plugincel.ConditionEvaluator
}

// imageReference selects images: by a pattern or by an expression.
type imageReference struct {
	glob       string
	expression celgo.Program
}

// CompileImageValidating compiles an ImageValidatingPolicy with what Kyverno
// writes for workload kinds. The error is a FaultsError: attestors whose keys cannot be
// read are among them.
//
// The policy changes tags into digests, unless mutateDigest is false, and judges
// in this order: its own validations, then that every selected image has a digest
// (verifyDigest) and was proved by one of its validations (required).
func CompileImageValidating(p *policiesv1.ImageValidatingPolicy, options Options) (policy.Mutator, error) {
	made := &imagePolicy{shared: newShared(p.Labels, p.Namespace, p.Spec.Evaluation, options)}
	made.failure = p.Spec.FailurePolicy
	configured := p.Spec.ValidationConfigurations
	made.mutateDigest, made.verifyDigest, made.required = orTrue(configured.MutateDigest), orTrue(configured.VerifyDigest), orTrue(configured.Required)
	faults := made.describe(kindOf("ImageValidatingPolicy", p.Namespace), p.Name, p.Annotations, actionOf(p.Spec.ValidationActions))
	made.info.Lane, made.info.LaneReason, made.info.Remote = policy.Engine, "it verifies images", true
	faults = append(faults, made.references.compile(p.Spec.MatchImageReferences)...)
	reader := &attestorReader{}
	made.credentials = reader.credentials(p.Namespace, ptr.Deref(p.Spec.Credentials, policiesv1.Credentials{}))
	faults = append(faults, made.read(reader, &p.Spec)...)
	faults = append(faults, made.add(p.Name, &p.Spec, reader, "")...)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, rewritten := range autogen.ImageValidating(p) {
		faults = append(faults, made.add(p.Name, &rewritten.Spec, reader, rewritten.Prefix)...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return made, nil
}

func orTrue(set *bool) bool { return set == nil || *set }

// read understands attestors and attestations.
func (p *imagePolicy) read(reader *attestorReader, spec *policiesv1.ImageValidatingPolicySpec) FaultsError {
	p.attestors, p.named, p.attestations = map[string]attestor{}, map[string]any{}, map[string]string{}
	names := map[string]string{}
	for i, one := range spec.Attestors {
		p.attestors[one.Name] = reader.read(fmt.Sprintf("spec.attestors[%d]", i), one)
		p.named[one.Name] = map[string]any{"name": one.Name}
	}
	for i, one := range spec.Attestations {
		switch {
		case one.InToto != nil:
			names[one.Name] = one.InToto.Type
		case one.Referrer != nil:
			names[one.Name] = one.Referrer.Type
		default:
			reader.faults = append(reader.faults, Fault{Field: fmt.Sprintf("spec.attestations[%d]", i), Message: "set intoto or referrer"})
		}
	}
	p.attestations = names
	return reader.faults
}

// add compiles one variant.
func (p *imagePolicy) add(name string, spec *policiesv1.ImageValidatingPolicySpec, reader *attestorReader, prefix string) FaultsError {
	matching, faults := p.constrain(spec.MatchConstraints)
	s := source{
		path: "spec", name: name, variables: spec.Variables, matchConditions: spec.MatchConditions,
		validations: spec.Validations, auditAnnotations: spec.AuditAnnotations, failurePolicy: spec.FailurePolicy,
	}
	images := spec.Images
	programs, found := lazily(prefix == "", func() (*imagePrograms, FaultsError) { return compileImages(s, images, reader, prefix) })
	p.variants = append(p.variants, imageVariant{constraints: matching, prefix: prefix, programs: programs})
	p.info.Rules = slices.Concat(p.info.Rules, s.rules(prefix), p.ownRules(prefix))
	return append(faults, found...)
}

// compileImages compiles the expressions of one variant.
func compileImages(s source, images []policiesv1.ImageExtractor, reader *attestorReader, prefix string) (*imagePrograms, FaultsError) {
	compiled, faults := compileBody(dialect.Kyverno(), s, prefix)
	if len(faults) > 0 {
		return nil, faults // The variables' faults are among them.
	}
	made := &imagePrograms{body: compiled}
	c := newCompiler(dialect.Kyverno(), s, dialect.Declarations{HasAuthorizer: true})
	var results []plugincel.CompilationResult
	for i, extractor := range images {
		made.extractors = append(made.extractors, extractor.Name)
		results = append(results, c.compile(fmt.Sprintf("spec.images[%d].expression", i), dialect.List(extractor.Expression), dialect.Declarations{}))
	}
	made.extract = c.condition(results)
	var texts []plugincel.CompilationResult
	for i, expression := range reader.expressions {
		texts = append(texts, c.compile(reader.paths[i], dialect.Text(expression), dialect.Declarations{}))
	}
	made.texts = c.condition(texts)
	return made, c.faults
}

// ownRules are the rules that validationConfigurations add.
func (p *imagePolicy) ownRules(prefix string) []string {
	var rules []string
	for _, rule := range []struct {
		name string
		on   bool
	}{{mutateDigestRule, p.mutateDigest}, {verifyDigestRule, p.verifyDigest}, {requiredRule, p.required}} {
		if rule.on {
			rules = append(rules, prefix+rule.name)
		}
	}
	return rules
}

// The rules besides the validations.
const (
	mutateDigestRule = "mutateDigest"
	verifyDigestRule = "verifyDigest"
	requiredRule     = "required"
)

// Validate judges the images of the request's object.
func (p *imagePolicy) Validate(ctx context.Context, r *policy.Request, w policy.World) []policy.Result {
	if p.ignores(r) {
		return nil
	}
	var results []policy.Result
	for _, one := range p.variants {
		found, err := p.match(one.constraints, r)
		if err != nil {
			results = append(results, p.unmatched(one.prefix, err)...)
			continue
		}
		if found != nil {
			judged := subject{Matched: found, template: template(p.info)}
			results = append(results, p.newProof(ctx, one, judged, r, w).judge(ctx)...)
		}
	}
	return results
}
