package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/extract"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// proof is one evaluation of an image policy. It is for one goroutine.
type proof struct {
	policy  *imagePolicy
	variant *imagePrograms
	subject subject
	request *policy.Request
	session *library.Session
	// images are those selected, once they were asked for.
	images map[string][]string
	err    error
	asked  bool
	// computed are the values of the attestors' expressions.
	computed []string
	// proved and tried are images; notes say what went wrong.
	proved, tried map[string]bool
	notes         []string
	payloads      map[string]any
}

var _ library.Verifier = (*proof)(nil)

func (p *imagePolicy) newProof(ctx context.Context, one imageVariant, s subject, r *policy.Request, w policy.World) *proof {
	made := &proof{
		policy: p, variant: one.programs(), subject: s, request: r, session: p.options.session(ctx, r, w.With(p.credentials), p.namespace),
		proved: map[string]bool{}, tried: map[string]bool{}, payloads: map[string]any{},
	}
	made.session.Verifier, made.session.Images = made, made.selected
	made.session.Attestors, made.session.Attestations = p.named, map[string]string{}
	for name := range p.attestations {
		made.session.Attestations[name] = name
	}
	return made
}

// judge evaluates conditions, validations and the rules of the configuration.
func (p *proof) judge(ctx context.Context) []policy.Result {
	concerned, failed := p.variant.body.concerns(ctx, p.subject, p.session)
	if !concerned {
		return failed
	}
	if _, err := p.selected(); err != nil {
		return []policy.Result{p.failure("images", err)}
	}
	results := p.variant.body.judge(ctx, p.subject, p.session)
	for i := range results {
		if results[i].Status == policy.Fail && len(p.notes) > 0 {
			results[i].Message = fmt.Sprintf("%s (%s)", results[i].Message, strings.Join(p.notes, "; "))
		}
	}
	return append(results, p.configured()...)
}

// failure is an error, or a warning where the failure policy ignores errors.
func (p *proof) failure(rule string, err error) policy.Result {
	result := p.subject.error(p.variant.body.prefix+rule, err.Error())
	if ignore := p.policy.failure; ignore != nil && *ignore == admissionregistrationv1.Ignore {
		result.Status, result.Message = policy.Warn, "ignored, as the failure policy says: "+result.Message
	}
	return result
}

// configured are the results of verifyDigest and required.
func (p *proof) configured() []policy.Result {
	var results []policy.Result
	if p.policy.verifyDigest {
		results = append(results, p.rule(verifyDigestRule, func(image string) string {
			if strings.Contains(image, "@") {
				return ""
			}
			return fmt.Sprintf("image %s does not have a digest", image)
		}))
	}
	if p.policy.required {
		results = append(results, p.rule(requiredRule, func(image string) string {
			switch {
			case p.proved[image]:
				return ""
			case p.tried[image]:
				return fmt.Sprintf("image %s failed signature or attestation verification", image)
			}
			return fmt.Sprintf("image %s is not verified: the policy checked no signature or attestation of it", image)
		}))
	}
	return results
}

// rule is the result of a check of every selected image.
func (p *proof) rule(name string, complaint func(image string) string) policy.Result {
	result := p.subject.template
	result.Rule, result.Status = p.variant.body.prefix+name, policy.Pass
	var complaints []string
	for _, list := range slices.Sorted(maps.Keys(p.images)) {
		for _, image := range p.images[list] {
			if said := complaint(image); said != "" && !slices.Contains(complaints, said) {
				complaints = append(complaints, said)
			}
		}
	}
	if len(complaints) > 0 {
		result.Status, result.Message = policy.Fail, strings.Join(complaints, "; ")
	}
	return result
}

// selected lists the images that the policy concerns.
func (p *proof) selected() (map[string][]string, error) {
	if p.asked {
		return p.images, p.err
	}
	p.asked = true
	all := extract.Images(p.request)
	if p.err = p.extract(all); p.err != nil {
		return nil, p.err
	}
	p.images = map[string][]string{}
	ctx := library.WithSession(p.session.Context, p.session)
	for list, images := range all {
		p.images[list] = []string{}
		for _, image := range images {
			concerned, err := p.policy.references.selects(ctx, image)
			if err != nil {
				p.err = err
				return nil, err
			}
			if concerned {
				p.images[list] = append(p.images[list], image)
			}
		}
	}
	return p.images, nil
}

// extract adds what the policy's own expressions find.
func (p *proof) extract(into map[string][]string) error {
	found, err := p.evaluate(p.variant.extract)
	if err != nil {
		return err
	}
	for i, one := range found {
		plain, err := library.Plain(one.EvalResult)
		if err != nil {
			return fmt.Errorf("images %q: %w", p.variant.extractors[i], err)
		}
		list, _ := plain.([]any)
		images := []string{}
		for _, item := range list {
			image, ok := item.(string)
			if !ok {
				return fmt.Errorf("images %q: the expression gives a list with a %T, not strings", p.variant.extractors[i], item)
			}
			images = append(images, image)
		}
		into[p.variant.extractors[i]] = images
	}
	return nil
}

// evaluate evaluates expressions of which each must succeed.
func (p *proof) evaluate(expressions plugincel.ConditionEvaluator) ([]plugincel.EvaluationResult, error) {
	versioned := p.subject.Versioned
	request := plugincel.CreateAdmissionRequest(versioned.Attributes,
		metav1.GroupVersionResource(p.subject.Resource), metav1.GroupVersionKind(versioned.VersionedKind))
	ctx := library.WithSession(p.session.Context, p.session)
	found, _, err := expressions.ForInput(ctx, versioned, request, plugincel.OptionalVariableBindings{},
		plugincel.CreateNamespaceObject(p.subject.Namespace), celconfig.RuntimeCELCostBudget)
	if err != nil {
		return nil, err
	}
	for _, one := range found {
		if one.Error != nil {
			return nil, one.Error
		}
	}
	return found, nil
}

// attestor finds one that an expression handed over, by its name.
func (p *proof) attestor(given any) (attestor, error) {
	object, _ := given.(map[string]any)
	name, _ := object["name"].(string)
	if text, ok := given.(string); ok {
		name = text
	}
	known, ok := p.policy.attestors[name]
	if !ok {
		return attestor{}, fmt.Errorf("there is no attestor %q; write attestors.NAME", name)
	}
	if len(known.computed) > 0 && p.computed == nil {
		found, err := p.evaluate(p.variant.texts)
		if err != nil {
			return attestor{}, fmt.Errorf("attestor %q: %w", name, err)
		}
		p.computed = make([]string, len(found))
		for i, one := range found {
			p.computed[i], _ = one.EvalResult.Value().(string)
		}
	}
	return known.with(p.computed)
}

// Signatures counts those of the attestors who signed the image.
func (p *proof) Signatures(s *library.Session, image string, attestors []any) (int, error) {
	return p.count(s, image, "", "", attestors)
}

// Attestations counts those of the attestors who signed the attestation.
func (p *proof) Attestations(s *library.Session, image, attestation string, attestors []any) (int, error) {
	predicate, ok := p.policy.attestations[attestation]
	if !ok {
		return 0, fmt.Errorf("there is no attestation %q; write attestations.NAME", attestation)
	}
	return p.count(s, image, attestation, predicate, attestors)
}

// count asks for each attestor. That one did not sign is a note; that it is not
// known whether it did is an error. Images that the policy does not select count
// as unsigned, as Kyverno has it.
func (p *proof) count(s *library.Session, image, attestation, predicate string, attestors []any) (int, error) {
	concerned, err := p.policy.references.selects(s.Context, image)
	if err != nil || !concerned {
		return 0, err
	}
	signed := 0
	for _, given := range attestors {
		who, err := p.attestor(given)
		if err != nil {
			return 0, err
		}
		found, err := s.World.Images.Verify(s.Context, policy.ImageCheck{
			Reference: image, Attestor: who.Attestor, PredicateType: predicate,
			Repository: who.repository, Annotations: who.annotations,
		})
		p.tried[image] = true
		if errors.Is(err, policy.ErrUnproved) {
			p.note(err.Error())
			continue
		}
		if err != nil {
			return 0, err
		}
		signed++
		p.proved[image] = true
		if attestation != "" && len(found.Statements) > 0 {
			p.payloads[image+" "+attestation] = found.Statements[0]
		}
	}
	return signed, nil
}

func (p *proof) note(text string) {
	if !slices.Contains(p.notes, text) {
		p.notes = append(p.notes, text)
	}
}

// Payload returns the predicate of an attestation that was verified.
func (p *proof) Payload(_ *library.Session, image, attestation string) (any, error) {
	payload, ok := p.payloads[image+" "+attestation]
	if !ok {
		return nil, fmt.Errorf("attestation %q of image %q was not verified: call verifyAttestationSignatures before", attestation, image)
	}
	return payload, nil
}
