package pattern_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

const (
	fits    = "fits"
	skips   = "skip"
	unknown = "unjudged"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, object, pattern, want string
		reason                      string
	}{
		{
			"image tag", `{spec: {containers: [{image: a:1}, {image: "b:latest"}]}}`, `{spec: {containers: [{image: "!*:latest"}]}}`,
			"/spec/containers/1/image/", "the path leads to the second container",
		},
		{
			"missing key", `{spec: {}}`, `{spec: {hostNetwork: false}}`,
			"/spec/hostNetwork/", "a value is wanted, and absent is not false",
		},
		{
			"any value", `{metadata: {labels: {app: x}}}`, `{metadata: {labels: {app: "*"}}}`,
			fits, "a star alone wants the key",
		},
		{
			"any value of an absent key", `{metadata: {labels: {}}}`, `{metadata: {labels: {app: "*"}}}`,
			"/metadata/labels/", "a missing key is reported where it should be",
		},
		{
			"object where the pattern has one", `{spec: x}`, `{spec: {a: b}}`, "/spec/", "shapes differ",
		},
		{
			"list where the pattern has one", `{spec: {}}`, `{spec: {a: [b]}}`, "/spec/a/", "shapes differ",
		},
		{
			"list of values", `{a: [x, x1, x2]}`, `{a: ["x*"]}`, fits, "one value in the pattern is for every element",
		},
		{
			"list against a value", `{a: [x, y]}`, `{a: "x*"}`, "/a/", "a value is for every element as well",
		},
		{
			"list of lists", `{a: [[x], [y]]}`, `{a: [[x], [z]]}`, "/a/1/", "lists are compared one by one",
		},
		{
			"too few lists", `{a: [[x]]}`, `{a: [[x], [z]]}`, unknown, "Kyverno calls a length that differs an error",
		},
		{
			"empty list in the pattern", `{a: []}`, `{a: []}`, "/a/", "an empty list says nothing",
		},
		{
			"condition met", `{spec: {c: [{image: "a:latest", p: Never}]}}`, `{spec: {c: [{(image): "*:latest", p: Always}]}}`,
			"/spec/c/0/p/", "what stands beside a met condition must fit",
		},
		{
			"condition not met by some", `{c: [{image: "a:1", p: Never}, {image: "b:latest", p: Always}]}`, `{c: [{(image): "*:latest", p: Always}]}`,
			fits, "elements whose condition is not met are left out",
		},
		{
			"condition met by none", `{c: [{image: "a:1", p: Never}]}`, `{c: [{(image): "*:latest", p: Always}]}`,
			skips, "when none is left, the pattern does not apply",
		},
		{
			"condition on an absent key", `{c: [{p: Never}]}`, `{c: [{(image): "*", p: Always}]}`,
			skips, "a key that is not there does not meet a condition",
		},
		{
			"condition above", `{metadata: {name: a}, spec: {x: 1}}`, `{(metadata): {name: b}, spec: {x: 2}}`,
			skips, "a condition beside spec decides about spec",
		},
		{
			"equality absent", `{spec: {}}`, `{spec: {=(hostPID): false}}`, fits, "nothing to check",
		},
		{
			"equality present", `{spec: {hostPID: true}}`, `{spec: {=(hostPID): false}}`, "/spec/hostPID/", "checked where it is",
		},
		{
			"equality nested", `{c: [{}, {securityContext: {privileged: true}}]}`, `{c: [{=(securityContext): {=(privileged): false}}]}`,
			"/c/1/securityContext/privileged/", "down the tree",
		},
		{
			"negation absent", `{spec: {}}`, `{spec: {X(hostPath): "null"}}`, fits, "the key is not there",
		},
		{
			"negation present", `{v: [{name: a}, {hostPath: {}}]}`, `{v: [{X(hostPath): "null"}]}`, "/v/1/hostPath/", "the key is there",
		},
		{
			"existence", `{c: [{name: a}, {name: b}]}`, `{^(c): [{name: b}]}`, fits, "one element is enough",
		},
		{
			"existence of two", `{c: [{name: a}, {name: b}]}`, `{^(c): [{name: b}, {name: z}]}`, "/c/", "each element of the pattern wants one",
		},
		{
			"existence without the list", `{}`, `{^(c): [{name: b}]}`, fits, "without the key there is nothing to look in",
		},
		{
			"existence in no list", `{c: x}`, `{^(c): [{name: b}]}`, "/c/", "only lists have elements",
		},
		{
			"global met", `{spec: {c: [{image: "corp/a"}, {image: b}], s: [{name: n}]}}`, `{spec: {c: [{<(image): "corp/*"}], s: [{name: k}]}}`,
			"/spec/s/0/name/", "one element meets the global condition, so the rest of the pattern counts",
		},
		{
			"global not met", `{spec: {c: [{image: b}], s: [{name: n}]}}`, `{spec: {c: [{<(image): "corp/*"}], s: [{name: k}]}}`,
			skips, "no element meets it",
		},
		{
			"global beside plain keys", `{a: 1, b: 2}`, `{a: 2, <(b): 3}`, skips, "the global condition is decided first, whatever the order of keys",
		},
		{
			"lists beside each other, one of which is not concerned", `{i: [{name: mesh, uid: 0}], c: [{uid: 5}]}`,
			`{=(i): [{(name): "!mesh", =(uid): ">0"}], =(c): [{=(uid): ">0"}]}`, fits, "the other list is judged all the same",
		},
		{
			"lists beside each other, the other of which fails", `{i: [{name: mesh, uid: 0}], c: [{uid: 0}]}`,
			`{=(i): [{(name): "!mesh", =(uid): ">0"}], =(c): [{=(uid): ">0"}]}`, "/c/0/uid/", "and may fail",
		},
		{
			"one list alone, which is not concerned", `{i: [{name: mesh, uid: 0}]}`,
			`{=(i): [{(name): "!mesh", =(uid): ">0"}]}`, skips, "nothing is left to judge",
		},
		{
			"two conditions, one unmet", `{a: 1, b: 2, c: 3}`, `{(a): 1, (b): 9, c: 9}`, skips, "conditions of one map must all be met",
		},
		{
			"a failing anchor beside an unmet condition", `{a: 1, b: 2}`, `{(a): 9, X(b): "null"}`, skips, "the condition decides",
		},
		{
			"a condition around what has conditions", `{labels: {a: "1"}, spec: {v: [{h: {p: /x}}]}}`, `{labels: {a: "2"}, (spec): {(v): [{(h): {p: /y}}]}}`,
			skips, "conditions inside of a condition make it unmet",
		},
		{
			"failure while an anchored key is absent", `{c: [{image: b}]}`, `{c: [{X(tty): "null", image: a}]}`,
			unknown, "Kyverno reports an error rather than a failure when an anchored key was never seen",
		},
		{
			"globs in keys of labels", `{metadata: {labels: {corp.io/team: a}}}`, `{metadata: {labels: {"corp.io/*": "?*"}}}`,
			fits, "the first label that fits the glob is looked at",
		},
		{
			"globs in anchored keys of annotations", `{metadata: {annotations: {x.io/p: unconfined}}}`, `{metadata: {=(annotations): {"=(x.io/*)": "!unconfined"}}}`,
			"/metadata/annotations/x.io/p/", "the anchor stays around the key that was found",
		},
		{
			"globs in keys elsewhere", `{data: {"a*": b}}`, `{data: {"a*": b}}`, fits, "only labels and annotations have globs in keys",
		},
		{
			"labels that are no texts", `{metadata: {labels: [a]}}`, `{metadata: {labels: {"a*": b}}}`, "/metadata/labels/", "odd shapes do no harm",
		},
		{
			"add if absent while validating", `{a: 1}`, `{+(a): 1}`, "/+(a)/", "+() means nothing here and is a plain key",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			object, wanted := parse(t, test.object), parse(t, test.pattern)
			before := parse(t, test.pattern)
			if got := verdict(pattern.Check(object, wanted)); got != test.want {
				t.Errorf("got %s, want %s: %s", got, test.want, test.reason)
			}
			if !reflect.DeepEqual(wanted, before) {
				t.Errorf("the pattern was changed to %v", wanted)
			}
		})
	}
}

func verdict(failure *pattern.Failure) string {
	switch {
	case failure == nil:
		return fits
	case failure.Skip:
		return skips
	case failure.Unjudged:
		return unknown
	}
	return failure.Path
}

func parse(t testing.TB, text string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"a":[{"(b)":"*"}]}`, `{"metadata":{"labels":{"a*":"?*"}}}`, `{"metadata":{"=(labels)":[]}}`,
		`{"^(a)":[{"X(b)":null}]}`, `{"<(a)":{"+(b)":[[1],[2]]}}`, `[[],{}]`, `{"metadata":3}`,
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(_ *testing.T, object, wanted string) {
		var left, right any
		if json.Unmarshal([]byte(object), &left) != nil || json.Unmarshal([]byte(wanted), &right) != nil {
			return
		}
		pattern.Check(left, right)
	})
}
