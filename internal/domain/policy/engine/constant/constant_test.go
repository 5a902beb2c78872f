package constant_test

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/constant"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	known := constant.New([]admissionregistrationv1.Variable{
		{Name: "allowed", Expression: "['a', 'b']"},
		{Name: "some", Expression: "size(variables.allowed) > 1"},
		{Name: "name", Expression: "object.metadata.name"},
	})
	for _, test := range []struct {
		expression string
		want       constant.Outcome
		reason     string
	}{
		{"true", constant.True, "a literal"},
		{"1 == 1", constant.True, "literals compared"},
		{"!(false)", constant.True, "a literal turned around"},
		{"true || object.spec.x", constant.True, "one suffices, first"},
		{"object.spec.x == 1 || 'a' in ['a']", constant.True, "or last"},
		{"object.spec.x == 1 && size('ab') > 2", constant.False, "one suffices here too"},
		{"size([1, 2]) == 2", constant.True, "functions of literals"},
		{"[1, 2].all(x, x > 0)", constant.True, "loops over literals"},
		{"object.spec.containers.all(c, true)", constant.True, "the same of every element, whatever they are"},
		{"object.spec.containers.all(c, c.name == 'x' || 1 < 2)", constant.True, "also by parts"},
		{"object.spec.containers.exists(c, 'a' == 'b')", constant.False, "of none"},
		{"object.spec.containers.all(c, false)", constant.Depends, "true of no containers"},
		{"object.spec.containers.exists(c, true)", constant.Depends, "false of no containers"},
		{"request.operation != 'CREATE' || request.operation != 'UPDATE'", constant.True, "it is one of them at most"},
		{"object.a == 'x' && has(object.b) && 'y' == object.a", constant.False, "it cannot be both"},
		{"object.a == 'x' || object.a == 'y'", constant.Depends, "it can be one of them"},
		{"object.a != 'x' && object.a != 'y'", constant.Depends, "or none"},
		{"object.a == 1 && object.a == 1.0", constant.Depends, "one number, written twice"},
		{"has(object.a) || !has(object.a)", constant.True, "either"},
		{"has(object.a) && !has(object.a)", constant.False, "or"},
		{"object.a == object.a", constant.True, "itself"},
		{"object.a != object.a", constant.False, "not itself"},
		{"random() == random()", constant.Depends, "chance differs"},
		{"time.now() < timestamp('2020-01-01T00:00:00Z')", constant.Depends, "the time is not known"},
		{"object.a == 'x' ? true : 1 == 1", constant.True, "either way"},
		{"1 == 2 ? object.a == 'x' : false", constant.False, "only one way"},
		{"object.metadata.name == 'x'", constant.Depends, "an object"},
		{"params.allowed == 'x' && authorizer.requestResource.check('get').allowed()", constant.Depends, "what comes with a request"},
		{"namespaceObject.metadata.name == 'x' || request.userInfo.username == 'x'", constant.Depends, "and its namespace and user"},
		{"resource.Get('v1', 'configmaps', 'a', 'b').data.x == 'y'", constant.Depends, "a lookup"},
		{"object.list.distinct() == [1]", constant.Depends, "a function whose cost is counted from the list"},
		{"images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0)", constant.Depends, "images"},
		{"variables.some", constant.True, "a constant variable, by another"},
		{"'c' in variables.allowed", constant.False, "a constant list"},
		{"variables.name in variables.allowed", constant.Depends, "a variable that is not"},
		{"variables.nosuch == 1", constant.Depends, "a mistake of another kind"},
		{"type('a') == string", constant.True, "types are literals too"},
		{"[1].all(object, object == 1)", constant.Depends, "a name that hides another is not followed"},
		{"object.a.matches('^a') && quantity('1Gi').isGreaterThan(quantity('1Mi'))", constant.Depends, "the other part decides"},
		{"quantity('1Gi').isLessThan(quantity('1Mi'))", constant.False, "the API server's functions"},
		{"1 / 0 == 1", constant.Fails, "an error"},
		{"int('x') == 1 && object.a == 1", constant.Depends, "an error that may not matter"},
		{"[1].exists(", constant.Depends, "what does not compile"},
		{"[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f, a + b + c + d + e + f >= 0))))))", constant.Depends, "what takes too long"},
	} {
		if got := known.Judge(test.expression); got.Outcome != test.want {
			t.Errorf("%s: %v, want %v: %s", test.expression, got, test.want, test.reason)
		}
	}
}

// TestParts: what decides nothing is named as it is written.
func TestParts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expression, part, reason string }{
		{"object.a == 1 || 'a' in ['b']", `"a" in ["b"]`, "false in ||"},
		{"object.a == 1 && 1 == 1 && object.b == 1", "1 == 1", "true in &&"},
		{"object.spec.containers.all(c, !(c.name == 'x' || 2 < 1))", "2 < 1", "inside of a loop"},
		{"1 == 1 ? object.a == 1 : object.b == 1", "1 == 1", "a condition"},
		{"object.a == 1", "", "nothing"},
		{"object.spec.containers.exists(c, true)", "", "a question whether there is one"},
		{"object.?a.orValue(true) == true", "", "literals that are compared with decide"},
	} {
		judged := constant.New(nil).Judge(test.expression)
		switch {
		case test.part == "" && len(judged.Parts) == 0:
		case len(judged.Parts) != 1 || judged.Parts[0].Text != test.part:
			t.Errorf("%s: %+v, want %q: %s", test.expression, judged, test.part, test.reason)
		}
	}
}

// FuzzJudge: whatever is written, judging ends without a panic.
func FuzzJudge(f *testing.F) {
	f.Add("object.a == 1 || 'a' in ['b']")
	f.Add("[1, 2].all(x, x > 0) ? variables.v : {'a': [object.?b]}[?'a'].hasValue()")
	f.Fuzz(func(_ *testing.T, expression string) {
		constant.New([]admissionregistrationv1.Variable{{Name: "v", Expression: expression}}).Judge(expression)
	})
}
