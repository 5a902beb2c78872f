package migrate

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
)

// imageValidating makes an ImageValidatingPolicy.
func (r *rewriting) imageValidating() (client.Object, error) {
	if len(r.rule.VerifyImages) != 1 {
		return nil, left("a rule with %d image checks is not rewritten: make a rule of each", len(r.rule.VerifyImages))
	}
	check := r.rule.VerifyImages[0]
	if len(check.Attestations) > 0 || len(check.SkipImageReferences) > 0 || check.Repository != "" {
		return nil, left("attestations, skipped images and another repository are not rewritten")
	}
	attestors, expression, err := attestorsOf(check)
	if err != nil {
		return nil, err
	}
	if slices.Contains(kindsIn(r.rule), "Pod") && r.operates(admissionregistrationv1.Update) {
		r.conditions = append(r.conditions, admissionregistrationv1.MatchCondition{Name: "changed-images", Expression: changedImages()})
	}
	meta, err := r.meta()
	if err != nil {
		return nil, err
	}
	made := &policiesv1.ImageValidatingPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policies.kyverno.io/v1", Kind: "ImageValidatingPolicy"},
		ObjectMeta: meta,
		Spec: policiesv1.ImageValidatingPolicySpec{
			MatchConstraints:  r.matched,
			MatchConditions:   r.conditions,
			ValidationActions: r.actions(),
			ValidationConfigurations: policiesv1.ValidationConfiguration{
				MutateDigest: new(ptr.Deref(check.MutateDigest, true)), VerifyDigest: new(ptr.Deref(check.VerifyDigest, true)), Required: new(ptr.Deref(check.Required, true)),
			},
			Autogen:     &policiesv1.ImageValidatingPolicyAutogenConfiguration{PodControllers: r.controllers()},
			Attestors:   attestors,
			Validations: []admissionregistrationv1.Validation{{Expression: expression, Message: "an image is not signed as " + r.rule.Name + " asks for"}},
		},
	}
	for _, glob := range check.ImageReferences {
		made.Spec.MatchImageReferences = append(made.Spec.MatchImageReferences, policiesv1.MatchImageReference{Glob: glob})
	}
	return made, nil
}

// changedImages tells whether a request brings an image: the old form judges those
// alone that an update changes.
func changedImages() string {
	same := []string{}
	for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
		same = append(same, fmt.Sprintf("object.spec.?%[1]s.orValue([]).transformList(i, c, oldObject.spec.?%[1]s[?i].?image == c.?image).all(same, same)", list))
	}
	return "request.operation != 'UPDATE' || " + cel.Not(cel.And(same...))
}

func kindsIn(rule kyvernov1.Rule) []string {
	filters, _ := filtersOf(rule.Match)
	var kinds []string
	for _, filter := range filters {
		kinds = append(kinds, filter.Resources.Kinds...)
	}
	return kinds
}

// attestorsOf rewrites attestors: all sets must be met, each by as many of its
// entries as it counts.
func attestorsOf(check kyvernov1.ImageVerification) ([]policiesv1.Attestor, string, error) {
	var attestors []policiesv1.Attestor
	var all []string
	for i, set := range check.Attestors {
		var names []string
		for j, entry := range set.Entries {
			attestor, err := attestorOf(fmt.Sprintf("set%dentry%d", i, j), entry)
			if err != nil {
				return nil, "", err
			}
			attestors = append(attestors, attestor)
			names = append(names, "attestors."+attestor.Name)
		}
		needed := ptr.Deref(set.Count, len(names))
		for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
			all = append(all, fmt.Sprintf("images.%s.all(image, verifyImageSignatures(image, [%s]) >= %d)", list, strings.Join(names, ", "), needed))
		}
	}
	if attestors == nil {
		return nil, "", left("it names no attestors")
	}
	return attestors, cel.And(all...), nil
}

func attestorOf(name string, entry kyvernov1.Attestor) (policiesv1.Attestor, error) {
	made := policiesv1.Attestor{Name: name, Cosign: &policiesv1.Cosign{Annotations: entry.Annotations, CTLog: &policiesv1.CTLog{}}}
	switch {
	case entry.Keys != nil && entry.Keys.PublicKeys != "" && strings.Count(entry.Keys.PublicKeys, "-----BEGIN") == 1:
		made.Cosign.Key = &policiesv1.Key{Data: entry.Keys.PublicKeys, HashAlgorithm: entry.Keys.SignatureAlgorithm}
		rekorOf(made.Cosign.CTLog, entry.Keys.Rekor, entry.Keys.CTLog)
	case entry.Keyless != nil:
		made.Cosign.Keyless = &policiesv1.Keyless{Roots: entry.Keyless.Roots, Identities: []policiesv1.Identity{{
			Issuer: entry.Keyless.Issuer, IssuerRegExp: entry.Keyless.IssuerRegExp, Subject: entry.Keyless.Subject, SubjectRegExp: entry.Keyless.SubjectRegExp,
		}}}
		rekorOf(made.Cosign.CTLog, entry.Keyless.Rekor, entry.Keyless.CTLog)
	default:
		return made, left("only attestors with one public key or a keyless identity are rewritten")
	}
	return made, nil
}

func rekorOf(log *policiesv1.CTLog, rekor *kyvernov1.Rekor, certificates *kyvernov1.CTLog) {
	if rekor != nil {
		log.URL, log.RekorPubKey, log.InsecureIgnoreTlog = rekor.URL, rekor.PubKey, rekor.IgnoreTlog
	}
	if certificates != nil {
		log.InsecureIgnoreSCT, log.CTLogPubKey = certificates.IgnoreSCT, certificates.PubKey
	}
}
