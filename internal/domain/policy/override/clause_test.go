package override_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// evaluator evaluates expressions as the API server does, over what an admission
// policy sees. It is for one goroutine.
type evaluator struct {
	env      *cel.Env
	programs map[string]cel.Program
}

func newEvaluator(t testing.TB) evaluator {
	t.Helper()
	env, err := dialect.Kubernetes().Env(dialect.Declarations{HasAuthorizer: true}).Extend(cel.Variable("variables", cel.DynType), cel.Variable("text", cel.StringType))
	if err != nil {
		t.Fatal(err)
	}
	return evaluator{env, map[string]cel.Program{}}
}

// eval returns the value of an expression beside the policy's variables, and what
// the evaluation of all cost.
func (e evaluator) eval(t testing.TB, expression string, waivers v1alpha1.Waivers, r *policy.Request) (any, uint64) {
	t.Helper()
	variables, cost := map[string]any{}, uint64(0)
	scene := sceneOf(r)
	scene["variables"] = variables
	for _, v := range override.Variables(waivers) {
		value, charged := e.one(t, e.withoutText(t, v.Expression, scene), scene)
		variables[v.Name], cost = value, cost+charged
	}
	value, charged := e.one(t, expression, scene)
	return value.Value(), cost + charged
}

// withoutText takes the text that an expression begins with into the scene, so
// that what is left, which is always the same, is compiled once.
func (e evaluator) withoutText(t testing.TB, expression string, scene map[string]any) string {
	t.Helper()
	quoted, err := strconv.QuotedPrefix(expression)
	if err != nil { // It puts others together.
		return expression
	}
	text, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatal(err)
	}
	scene["text"] = text
	return "text" + strings.TrimPrefix(expression, quoted)
}

func (e evaluator) one(t testing.TB, expression string, scene map[string]any) (ref.Val, uint64) {
	t.Helper()
	if e.programs[expression] == nil {
		e.programs[expression] = e.program(t, expression)
	}
	value, details, err := e.programs[expression].Eval(scene)
	if err != nil {
		t.Fatalf("evaluation failed: %v\n%s\n%v", err, expression, scene)
	}
	return value, *details.ActualCost()
}

func (e evaluator) program(t testing.TB, expression string) cel.Program {
	t.Helper()
	ast, issues := e.env.Compile(expression)
	if issues.Err() != nil {
		t.Fatalf("%s\n%v", expression, issues.Err())
	}
	program, err := e.env.Program(ast)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// sceneOf is what an admission policy sees of the request.
func sceneOf(r *policy.Request) map[string]any {
	request := map[string]any{
		"operation": string(r.Operation),
		"kind":      map[string]any{"group": r.Kind.Group, "version": r.Kind.Version, "kind": r.Kind.Kind},
	}
	if r.Namespace != "" {
		request["namespace"] = r.Namespace
	}
	if r.Name != "" {
		request["name"] = r.Name
	}
	return map[string]any{
		"object": orNull(r.Object), "oldObject": orNull(r.OldObject), "request": request, "namespaceObject": orNull(r.NamespaceObject), "text": "",
	}
}

func orNull(object map[string]any) any {
	if object == nil {
		return nil
	}
	return object
}

// TestClauseAndWaiversAgree compares what the API server would say with what
// everybody else says, on ledgers and requests of few words, so that they meet.
func TestClauseAndWaiversAgree(t *testing.T) {
	t.Parallel()
	e := newEvaluator(t)
	dice := rand.New(rand.NewPCG(3, 11))
	agreed := map[bool]int{}
	for i := range 5000 {
		now := noon.Add(time.Duration(dice.IntN(7)-3) * time.Second)
		ledger := override.Compile(someOverrides(dice), someWorld(now)).Spec
		waivers, err := override.NewWaivers(ledger)
		if err != nil {
			t.Fatal(err)
		}
		request := someRequest(dice, now)
		rule := pick(dice, "limits", "autogen-limits", "autogen-cronjob-limits", "validations[0]", odd)
		name := waivers.Waives(policy.Info{Name: "p"}, rule, request, now)
		inForce := ledger.Policies["p"]
		if len(override.Variables(inForce)) == 0 {
			if name != "" {
				t.Fatalf("case %d: the policy knows of no override, Waives says %q", i, name)
			}
			agreed[false]++
			continue
		}
		value, cost := e.eval(t, override.Clause(rule), inForce, request)
		if value != (name != "") {
			t.Fatalf("case %d: the clause says %v, Waives says %q\nrule %q, request %+v\nledger %+v", i, value, name, rule, request, ledger)
		}
		if cost > 300_000 {
			t.Errorf("case %d costs %d", i, cost)
		}
		agreed[name != ""]++
		covered, _ := e.eval(t, override.Annotation(), inForce, request)
		if text, isText := covered.(string); name != "" && (!isText || text == "") {
			t.Fatalf("case %d: waived by %q, but the annotation says %v", i, name, covered)
		}
	}
	if agreed[true] < 400 || agreed[false] < 400 {
		t.Errorf("the cases are lopsided: %v", agreed)
	}
}

// odd is a rule's name of all characters that separate something.
const odd = "odd,\t100%\n\"\\ é\x00"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func pick[T any](dice *rand.Rand, from ...T) T { return from[dice.IntN(len(from))] }

func some(dice *rand.Rand, from ...string) []string {
	var chosen []string
	for _, item := range from {
		if dice.IntN(6) == 0 {
			chosen = append(chosen, item)
		}
	}
	return chosen
}

func someWorld(now time.Time) override.World {
	return override.World{
		Now:    now.Add(-time.Minute), // Roadbed was away since.
		Places: map[string]override.Place{"a1": {Tenant: "a"}, "a2": {Tenant: "a"}, "b1": {Tenant: "b"}},
	}
}

func someOverrides(dice *rand.Rand) []v1alpha1.PolicyOverride {
	var overrides []v1alpha1.PolicyOverride
	for i := range 1 + dice.IntN(6) {
		o := v1alpha1.PolicyOverride{ObjectMeta: metav1.ObjectMeta{
			Namespace: pick(dice, "a1", "a1", "a2", "b1", "none", "roadbed-system"), Name: fmt.Sprintf("o%d", i),
		}}
		o.Spec = v1alpha1.PolicyOverrideSpec{
			Policies: []v1alpha1.OverriddenPolicy{{Name: pick(dice, "p", "p", "p", "q"), Rules: some(dice, "limits", "autogen-limits", odd)}},
			Scope: v1alpha1.OverrideScope{
				Tenants: some(dice, "a", "b"), Namespaces: some(dice, "a1", "a2", "b1"),
				Kinds: some(dice, "Pod", "Deployment.apps", "Namespace", "PodExecOptions"), Names: some(dice, "web-*", "?atch", "a.b", "a1", "web-1"),
			},
			Requester: "ann",
			ExpiresAt: metav1.NewTime(noon.Add(time.Duration(dice.IntN(8)-2) * time.Second)),
		}
		if dice.IntN(8) == 0 {
			o.Spec.PodSecurity = []v1alpha1.PodSecurityControl{{ControlName: "Host Namespaces"}}
		}
		o.Status.Decision = &v1alpha1.OverrideDecision{Verdict: v1alpha1.VerdictApproved, By: "bob"}
		o.Status.GrantedAt = new(metav1.NewTime(noon.Add(-time.Hour)))
		overrides = append(overrides, o)
	}
	return overrides
}

// someRequest is a request as the API server shows it to policies at the time.
func someRequest(dice *rand.Rand, now time.Time) *policy.Request {
	r := &policy.Request{Operation: admissionv1.Create, Namespace: pick(dice, "a1", "a1", "a2", "b1", "none", "")}
	metadata := map[string]any{"name": pick(dice, "web-1", "batch", "axb", "a.b", "a1")}
	stamp(dice, r, metadata, now)
	r.Kind = pick(dice, schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
	switch {
	case r.Namespace == "" && dice.IntN(2) == 0:
		r.Kind, r.Namespace = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, "a1"
		metadata["name"] = "a1"
	case r.Namespace != "":
		r.NamespaceObject = namespaceOf(r.Namespace)
	}
	r.Name = metadata["name"].(string)
	r.Object = map[string]any{"metadata": metadata}
	if dice.IntN(3) == 0 { // A name that the server generated is not the request's.
		r.Name = ""
		metadata["generateName"] = "web-"
	}
	return r
}

// stamp puts the time where the API server puts it: a creation's before it
// validates, and the field manager's before it mutates.
func stamp(dice *rand.Rand, r *policy.Request, metadata map[string]any, now time.Time) {
	long := noon.Add(-time.Hour).UTC().Format(time.RFC3339)
	fields := []any{map[string]any{"manager": "old", "time": long}, map[string]any{"manager": "timeless"}}
	fields = append(fields, map[string]any{"manager": "new", "time": now.UTC().Format(time.RFC3339)})
	switch dice.IntN(3) {
	case 0: // A creation that is being validated, of an object without managers.
		metadata["creationTimestamp"] = now.UTC().Format(time.RFC3339)
	case 1: // A creation that is being mutated.
		metadata["creationTimestamp"], metadata["managedFields"] = nil, fields
	default:
		r.Operation = admissionv1.Update
		metadata["creationTimestamp"], metadata["managedFields"] = long, fields
		r.OldObject = map[string]any{"metadata": map[string]any{"name": metadata["name"], "creationTimestamp": long}}
	}
}

func namespaceOf(name string) map[string]any {
	metadata := map[string]any{"name": name}
	if name != "none" {
		metadata["labels"] = map[string]any{"tenancy.roadbed.dev/tenant": name[:1]}
	}
	return map[string]any{"metadata": metadata}
}

// TestTextsAreExpressions wants every character of an entry to arrive, through
// the literal, and as many entries as there may be to fit into expressions.
func TestTextsAreExpressions(t *testing.T) {
	t.Parallel()
	e := newEvaluator(t)
	w := v1alpha1.Waiver{
		Override: "a1/o", Rules: []string{odd, "\u200b\U0010ffff\xff"}, Tenants: []string{"a"}, Namespaces: []string{}, Kinds: []string{},
		Names: "^(?:a\\.b\n\t|.*)$", ExpiresAt: metav1.NewTime(noon.Add(time.Hour)),
	}
	request := &policy.Request{
		Operation: admissionv1.Create, Namespace: "a1", NamespaceObject: namespaceOf("a1"), Name: "web",
		Kind: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, Object: map[string]any{"metadata": map[string]any{"name": "web"}},
	}
	variables := override.Variables(v1alpha1.Waivers{w})
	value, _ := e.one(t, variables[0].Expression, sceneOf(request))
	want := "a1/o\t,odd%2C%09100%25%0A\"\\ é\x00,\u200b\U0010ffff\uFFFD,\t,a,\t\t\t2026-03-01T13:00:00Z\t^(?:a\\.b\\n\\t|.*)$"
	entries := value.(traits.Lister)
	var got []string
	for i := types.Int(0); entries.Size() == types.Int(1) && i < 7; i++ {
		got = append(got, entries.Get(types.Int(0)).(traits.Lister).Get(i).Value().(string))
	}
	if strings.Join(got, "\t") != want {
		t.Errorf("the entry arrives as %q, want %q", got, want)
	}
	w.Rules = nil
	many := make(v1alpha1.Waivers, 512)
	for i := range many {
		many[i] = w
		many[i].Names = fmt.Sprintf("^(?:%s-%d)$", strings.Repeat("n", 250), i)
	}
	many[511] = w
	if n := len(override.Variables(many)); n < 4 {
		t.Errorf("they are in %d variables", n)
	}
	if covered, _ := e.eval(t, override.Clause("any"), many, request); covered != true {
		t.Errorf("the last of many covers the request: %v", covered)
	}
}
