package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Difference is an object on which two forms of a rule differ.
type Difference struct {
	// Kind and Object are what was judged.
	Kind   string         `json:"kind"`
	Object map[string]any `json:"object"`
	// Before and After are the verdicts, or what came of a mutation.
	Before string `json:"before"`
	After  string `json:"after"`
}

// Proof is what came of a comparison.
type Proof struct {
	// Objects is how many were judged, Kinds of which kinds.
	Objects int      `json:"objects"`
	Kinds   []string `json:"kinds"`
	// Concerned is how many of them the rule concerned in both forms.
	Concerned int `json:"concerned"`
	// Failed is how many of them violated it in both forms.
	Failed int `json:"failed"`
	// Differences are the first few.
	Differences []Difference `json:"differences,omitempty"`
}

// Equal tells whether no difference was found, and the comparison meant
// something: the rule concerned at least one object.
func (p Proof) Equal() bool { return len(p.Differences) == 0 && p.Concerned > 0 }

// maxDifferences is how many differences a proof names.
const maxDifferences = 5

// Prove compares two forms of a rule, the old one of a policy with that rule
// alone, on n objects made up around it, the same
// ones for the same seed. Rule is the rule's name in the old form; its variants
// for the kinds that make Pods count, too. The new form is one rule.
func Prove(ctx context.Context, before, after policy.Evaluator, rule string, around []any, n int, seed uint64) Proof {
	g := newGenerator(around, seed)
	// What is changed of a running Pod, the API server would drop.
	g.debugged = after.Info().Kind != "MutatingPolicy"
	var proof Proof
	world := policy.World{Now: time.Unix(0, 0), Images: pretended{}}
	for range n {
		r := g.request()
		proof.Objects++
		if !slices.Contains(proof.Kinds, r.Kind.Kind) {
			proof.Kinds = append(proof.Kinds, r.Kind.Kind)
		}
		was, is := verdict(ctx, before, r, world, rule), verdict(ctx, after, r, world, "")
		if was.text != is.text || was.text == none && !same(was.object, is.object) {
			if len(proof.Differences) < maxDifferences {
				proof.Differences = append(proof.Differences, Difference{Kind: r.Kind.Kind, Object: r.Object, Before: was.String(), After: is.String()})
			}
			continue
		}
		if was.concerned && is.concerned {
			proof.Concerned++
		}
		if was.text == string(policy.Fail) {
			proof.Failed++
		}
	}
	slices.Sort(proof.Kinds)
	return proof
}

// none says that a rule does not concern an object, or lets it be: for who
// sends the object that is the same.
const none = "passes"

// outcome is a verdict, and the object where it was changed.
type outcome struct {
	text   string
	object map[string]any
	// concerned tells that the rule had something to say, why is its error.
	concerned bool
	why       string
}

func (o outcome) String() string {
	text := o.text
	if o.why != "" {
		text += " (" + o.why + ")"
	}
	if o.object != nil {
		text += fmt.Sprintf(", changed to %v", o.object)
	}
	return text
}

// verdict is what a form says: fail, error, or none of both.
func verdict(ctx context.Context, e policy.Evaluator, r *policy.Request, w policy.World, rule string) outcome {
	out := outcome{text: none}
	var results []policy.Result
	if mutator, ok := e.(policy.Mutator); ok {
		out.object, results = mutator.Mutate(ctx, r, w, func(string) string { return "" })
		if out.object != nil && reflect.DeepEqual(out.object, r.Object) {
			out.object = nil
		}
		if out.object != nil {
			r = r.With(out.object) // judged is what came of it
		}
	}
	for _, result := range append(results, e.Validate(ctx, r, w)...) {
		if rule != "" && strings.TrimPrefix(strings.TrimPrefix(result.Rule, "autogen-cronjob-"), "autogen-") != rule {
			continue
		}
		out.concerned = out.concerned || result.Status != policy.Skip
		switch {
		case result.Status == policy.Error:
			out.text, out.why = string(policy.Error), result.Message
		case (result.Status == policy.Fail || result.Status == policy.Warn) && out.text == none:
			out.text = string(policy.Fail)
		}
	}
	return out
}

// tagged is an image by tag and digest, of which only the digest counts.
var tagged = regexp.MustCompile(`:[\w.-]+@sha256:`)

// same compares objects as JSON.
func same(a, b map[string]any) bool {
	texts := make([]string, 2)
	for i, object := range []map[string]any{a, b} {
		text, err := json.Marshal(object)
		if err != nil {
			return false
		}
		texts[i] = tagged.ReplaceAllString(string(text), "@sha256:")
	}
	return texts[0] == texts[1]
}

// pretended are images of which some are signed, which their repositories
// decide, so that both forms are told the same, by tag and by digest.
type pretended struct{}

// Describe knows the digest of an image, and nothing else.
func (pretended) Describe(_ context.Context, reference string) (map[string]any, error) {
	repository, sum := summed(reference)
	return map[string]any{"image": reference, "resolvedImage": repository + "@" + digestOf(sum)}, nil
}

// Verify says that images whose names have an even sum are signed by everybody.
func (pretended) Verify(_ context.Context, check policy.ImageCheck) (policy.ImageProof, error) {
	_, sum := summed(check.Reference)
	if sum%2 == 1 {
		return policy.ImageProof{}, fmt.Errorf("image %s is not signed: %w", check.Reference, policy.ErrUnproved)
	}
	return policy.ImageProof{Digest: digestOf(sum), Signer: "somebody"}, nil
}

func digestOf(sum int) string { return fmt.Sprintf("sha256:%064d", sum) }

// summed is the repository of a reference and the sum of its letters.
func summed(reference string) (string, int) {
	repository, _, _ := strings.Cut(reference, "@")
	if tag := strings.LastIndex(repository, ":"); tag > strings.LastIndex(repository, "/") {
		repository = repository[:tag]
	}
	sum := 0
	for _, letter := range repository {
		sum += int(letter)
	}
	return repository, sum
}
