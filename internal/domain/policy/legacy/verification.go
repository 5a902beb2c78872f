package legacy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/attest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/condition"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// verification is a compiled verifyImages rule.
type verification struct{ checks []imageCheck }

// imageCheck is one entry of verifyImages.
type imageCheck struct {
	path                                 string
	references, skipped                  []string
	attestors                            []attest.Set
	attestations                         []attestation
	repository                           string
	credentials                          policy.RegistryCredentials
	mutateDigest, verifyDigest, required bool
	denied                               *condition.Conditions
	message                              string
}

// attestation is something that must be attested of an image.
type attestation struct {
	path, name, predicate string
	attestors             []attest.Set
	conditions            []*condition.Conditions
}

func (c *compiler) verification(sources []kyvernov1.ImageVerification, scope variable.Scope) *verification {
	made := &verification{}
	for i := range sources {
		made.checks = append(made.checks, c.imageCheck(fmt.Sprintf("verifyImages[%d]", i), modern(sources[i]), scope))
	}
	return made
}

// modern writes the older fields of an entry as the newer ones.
func modern(source kyvernov1.ImageVerification) kyvernov1.ImageVerification {
	if source.Image != "" {
		source.ImageReferences = append(slices.Clone(source.ImageReferences), source.Image)
	}
	older := kyvernov1.Attestor{Annotations: source.Annotations}
	switch {
	case source.Key != "":
		older.Keys = &kyvernov1.StaticKeyAttestor{PublicKeys: source.Key}
	case source.Issuer != "" || source.Subject != "" || source.Roots != "":
		older.Keyless = &kyvernov1.KeylessAttestor{Issuer: source.Issuer, Subject: source.Subject, Roots: source.Roots, AdditionalExtensions: source.AdditionalExtensions}
	default:
		return source
	}
	set := []kyvernov1.AttestorSet{{Entries: []kyvernov1.Attestor{older}}}
	if len(source.Attestations) == 0 {
		source.Attestors = append(slices.Clone(source.Attestors), set...)
		return source
	}
	source.Attestations = slices.Clone(source.Attestations)
	for i := range source.Attestations {
		source.Attestations[i].Attestors = append(slices.Clone(source.Attestations[i].Attestors), set...)
	}
	return source
}

func (c *compiler) imageCheck(path string, source kyvernov1.ImageVerification, scope variable.Scope) imageCheck {
	notary := source.Type == "Notary"
	made := imageCheck{
		path: path, references: source.ImageReferences, skipped: source.SkipImageReferences, repository: source.Repository,
		credentials:  c.Credentials(path+".imageRegistryCredentials", source.ImageRegistryCredentials),
		mutateDigest: enabled(source.MutateDigest), verifyDigest: enabled(source.VerifyDigest), required: enabled(source.Required),
		attestors: attest.Compile(c.Rule, path, source.Attestors, notary, scope), message: source.Validate.Message,
	}
	if len(made.references) == 0 {
		c.Wrong(path+".imageReferences", "is empty; \"*\" is every image")
	}
	for i, one := range source.Attestations {
		made.attestations = append(made.attestations, c.attestation(fmt.Sprintf("%s.attestations[%d]", path, i), one, made.attestors, notary, scope))
	}
	if deny := source.Validate.Deny; deny != nil {
		made.denied = condition.Compile(c.Rule, path+".validate.deny.conditions", deny.Conditions, nil)
		if made.denied == nil {
			made.denied = &condition.Conditions{}
		}
	}
	return made
}

func (c *compiler) attestation(path string, source kyvernov1.Attestation, usual []attest.Set, notary bool, scope variable.Scope) attestation {
	made := attestation{path: path, name: source.Name, predicate: source.Type}
	if made.predicate == "" {
		made.predicate = source.PredicateType
	}
	if made.predicate == "" {
		c.Wrong(path+".type", "is missing")
	}
	made.attestors = usual
	if len(source.Attestors) > 0 {
		made.attestors = attest.Compile(c.Rule, path, source.Attestors, notary, scope)
	}
	if len(made.attestors) == 0 {
		c.Wrong(path+".attestors", "is missing: a statement that anybody could have signed proves nothing")
	}
	for i := range source.Conditions {
		// The names in conditions are those of the predicate, which is not known
		// yet.
		made.conditions = append(made.conditions, condition.CompileAnyAll(c.Rule, fmt.Sprintf("%s.conditions[%d]", path, i), &source.Conditions[i], nil))
	}
	return made
}

func (v *verification) mutates() bool {
	return slices.ContainsFunc(v.checks, func(c imageCheck) bool { return c.mutateDigest })
}

// images of the request that the check is about, sorted by where they are named.
func (i *imageCheck) images(e *evaluation) ([]variable.Image, error) {
	set, err := e.rule.extractors.Images(e.request.Kind.Kind, e.request.Object, e.vars.Env())
	if err != nil {
		return nil, err
	}
	var found []variable.Image
	for _, group := range slices.Sorted(maps.Keys(set)) {
		for _, name := range slices.Sorted(maps.Keys(set[group])) {
			image := set[group][name]
			if pattern.MatchAny(i.references, image.String()) && !pattern.MatchAny(i.skipped, image.String()) {
				found = append(found, image)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b variable.Image) int { return strings.Compare(a.Pointer, b.Pointer) })
	return found, nil
}

// unchanged tells whether an update leaves the image as it was.
func unchanged(e *evaluation, image variable.Image) bool {
	if e.request.Operation != admissionv1.Update || e.request.OldObject == nil {
		return false
	}
	before, err := e.rule.extractors.Images(e.request.Kind.Kind, e.request.OldObject, e.vars.Env())
	if err != nil {
		return false
	}
	for _, group := range before {
		for _, one := range group {
			if one.Pointer == image.Pointer && one.String() == image.String() {
				return true
			}
		}
	}
	return false
}

func (v *verification) judge(e *evaluation) *verdict {
	if e.request.Object == nil {
		return nil
	}
	var failures, unchecked []string
	var broken error
	verified := 0
	for i := range v.checks {
		images, err := v.checks[i].images(e)
		if err != nil {
			return errs("failed to find images", err)
		}
		for _, image := range images {
			if unchanged(e, image) {
				unchecked = append(unchecked, image.String())
				continue
			}
			_, err := v.checks[i].verify(e, image)
			switch {
			case err == nil:
				verified++
			case undecided(err):
				broken = err
			default:
				failures = append(failures, err.Error())
			}
		}
	}
	switch {
	case len(failures) > 0:
		return fails("%s", strings.Join(failures, "; "))
	case broken != nil:
		return errs("failed to verify images", broken)
	case verified > 0:
		return passes("image verified")
	case len(unchecked) > 0:
		return skips("image skipped, unchanged images: %s", strings.Join(unchecked, " "))
	}
	return nil
}

// unevaluatedError is a condition that could not be evaluated.
type unevaluatedError struct{ error }

// Unwrap is why.
func (u *unevaluatedError) Unwrap() error { return u.error }

// undecided tells whether an error speaks neither for nor against an image.
func undecided(err error) bool {
	var unevaluated *unevaluatedError
	var unasked *attest.UndecidedError
	return errors.As(err, &unevaluated) || errors.As(err, &unasked)
}

// verify checks one image, and returns its digest, empty where nothing had to be
// asked.
func (i *imageCheck) verify(e *evaluation, image variable.Image) (digest string, err error) {
	e = i.reading(e)
	digest = image.Digest
	asked := policy.ImageCheck{Reference: image.String(), Repository: i.repository}
	for _, set := range i.attestors {
		proof, err := set.Verify(e.context, e.world, e.vars, asked)
		if err != nil {
			return "", fmt.Errorf("failed to verify image %s: %w", image, err)
		}
		digest = proof.Digest
	}
	found, err := i.attest(e, asked)
	if err != nil {
		return "", fmt.Errorf("failed to verify image %s: %w", image, err)
	}
	if found != "" {
		digest = found
	}
	if i.verifyDigest && image.Digest == "" {
		return digest, fmt.Errorf("missing digest for %s", image)
	}
	return digest, nil
}

// reading is the evaluation with registries read as the check says.
func (i *imageCheck) reading(e *evaluation) *evaluation {
	inner := *e
	inner.world = e.world.With(i.credentials)
	return &inner
}

// attest checks the attestations, and what is denied by what they say.
func (i *imageCheck) attest(e *evaluation, asked policy.ImageCheck) (digest string, err error) {
	inner := *e
	for _, one := range i.attestations {
		proof, err := one.verify(&inner, asked)
		if err != nil {
			return "", err
		}
		digest = proof.Digest
		if one.name != "" && len(proof.Statements) > 0 {
			inner.vars = inner.vars.With(one.name, proof.Statements[0])
		}
	}
	if i.denied == nil {
		return digest, nil
	}
	holds, said, err := i.denied.Decide(inner.vars)
	switch {
	case err != nil:
		return "", &unevaluatedError{fmt.Errorf("%s.validate.deny: %w", i.path, err)}
	case holds:
		return "", errors.New(strings.TrimPrefix(i.message+"; "+said, "; "))
	}
	return digest, nil
}

func (a *attestation) verify(e *evaluation, asked policy.ImageCheck) (policy.ImageProof, error) {
	asked.PredicateType = a.predicate
	var proof policy.ImageProof
	for _, set := range a.attestors {
		var err error
		if proof, err = set.Verify(e.context, e.world, e.vars, asked); err != nil {
			return policy.ImageProof{}, err
		}
		for _, statement := range proof.Statements {
			if err := a.judge(e, statement); err != nil {
				return policy.ImageProof{}, err
			}
		}
	}
	return proof, nil
}

// judge lets the conditions judge a predicate, whose fields are variables.
func (a *attestation) judge(e *evaluation, predicate map[string]any) error {
	vars := e.vars
	for name, value := range predicate {
		vars = vars.With(name, value)
	}
	for _, one := range a.conditions {
		holds, said, err := one.Decide(vars)
		switch {
		case err != nil:
			return &unevaluatedError{fmt.Errorf("%s: %w", attest.Short(a.path), err)}
		case !holds:
			return errors.New(strings.TrimSuffix(fmt.Sprintf("%s: attestation checks failed for predicate %s: %s", attest.Short(a.path), a.predicate, said), ": "))
		}
	}
	return nil
}
