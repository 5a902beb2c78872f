package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Difference is a request on which two forms of a rule differ.
type Difference struct {
	// Kind, Operation and Object are what was judged: the new object, and the one
	// that is deleted.
	Kind      string         `json:"kind"`
	Operation string         `json:"operation"`
	Object    map[string]any `json:"object"`
	// OldObject is the object as it was before an update.
	OldObject map[string]any `json:"oldObject,omitempty"`
	// Before and After are the verdicts, or what came of a mutation.
	Before string `json:"before"`
	After  string `json:"after"`
}

// Proof is what came of a comparison.
type Proof struct {
	// Objects is how many requests were judged, Kinds of which kinds. Updates and
	// Deletions are those among them that do not create.
	Objects   int      `json:"objects"`
	Kinds     []string `json:"kinds"`
	Updates   int      `json:"updates"`
	Deletions int      `json:"deletions"`
	// Concerned is how many of them the rule concerned in both forms.
	Concerned int `json:"concerned"`
	// Failed is how many of them violated it in both forms.
	Failed int `json:"failed"`
	// Tolerated is how many updates both forms let pass although the object would
	// not be created as it is.
	Tolerated int `json:"tolerated"`
	// Differences are the first few.
	Differences []Difference `json:"differences,omitempty"`
}

// Equal tells whether no difference was found, and the comparison meant
// something: the rule concerned at least one object.
func (p Proof) Equal() bool { return len(p.Differences) == 0 && p.Concerned > 0 }

// maxDifferences is how many differences a proof names.
const maxDifferences = 5

// Prove compares two forms of a rule, the old one of a policy with that rule
// alone, on n requests made up around it, the same ones for the same seed. Rule is
// the rule's name in the old form; its variants for the kinds that make Pods
// count, too. The new form is one rule.
func Prove(ctx context.Context, before, after policy.Evaluator, rule string, around []any, n int, seed uint64) Proof {
	g := newGenerator(around, kindsOf(before), seed)
	// What is changed of a running Pod, the API server would drop.
	g.debugged = after.Info().Kind != "MutatingPolicy"
	c := &comparison{before: before, after: after, rule: rule, world: policy.World{Now: time.Unix(0, 0), Images: pretended{}}}
	kept := &pairs{g: g, judged: map[string]*judged{}}
	for i := range n {
		r := kept.request(i)
		was := c.compare(ctx, r)
		if r.Operation == admissionv1.Create {
			kept.keep(r, was.text == none)
		} else if r.Operation == admissionv1.Update && was.text == none && kept.newIsWrong {
			c.proof.Tolerated++
		}
	}
	slices.Sort(c.proof.Kinds)
	return c.proof
}

// comparison is two forms at work.
type comparison struct {
	before, after policy.Evaluator
	rule          string
	world         policy.World
	proof         Proof
}

// compare lets both forms judge a request, and returns what the old one says.
func (c *comparison) compare(ctx context.Context, r *policy.Request) outcome {
	p := &c.proof
	p.Objects++
	switch r.Operation {
	case admissionv1.Update:
		p.Updates++
	case admissionv1.Delete:
		p.Deletions++
	default:
	}
	if !slices.Contains(p.Kinds, r.Kind.Kind) {
		p.Kinds = append(p.Kinds, r.Kind.Kind)
	}
	was, is := verdict(ctx, c.before, r, c.world, c.rule), verdict(ctx, c.after, r, c.world, "")
	switch {
	case !was.same(is, r.OldObject != nil):
		if len(p.Differences) < maxDifferences {
			p.Differences = append(p.Differences, differenceOf(r, was, is))
		}
		return was
	case was.concerned && is.concerned:
		p.Concerned++
	}
	if was.text == string(policy.Fail) {
		p.Failed++
	}
	return was
}

func differenceOf(r *policy.Request, was, is outcome) Difference {
	made := Difference{Kind: r.Kind.Kind, Operation: string(r.Operation), Object: r.Object, OldObject: r.OldObject, Before: was.String(), After: is.String()}
	if r.Object == nil {
		made.Object, made.OldObject = r.OldObject, nil
	}
	return made
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

// same tells whether two outcomes are the same to who sends the object. An update
// of an object that was there may be refused as wrong by one form, and by the
// other because it cannot judge what was there: it is refused by both.
func (o outcome) same(other outcome, update bool) bool {
	if o.text == none && other.text == none {
		return same(o.object, other.object)
	}
	return o.text == other.text || update && o.text != none && other.text != none
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
	if mutator, ok := e.(policy.Mutator); ok && r.Object != nil {
		out.object, results = mutator.Mutate(ctx, r, w, nil)
		if reflect.DeepEqual(out.object, r.Object) {
			out.object = nil
		}
	}
	if out.object != nil {
		r = r.With(out.object) // judged is what came of it
		if changed, ok := read(out.object, r.Kind); ok {
			out.object = changed
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
