package override_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
)

// evaluator evaluates expressions over what an admission policy sees. It is for
// one goroutine.
type evaluator struct {
	env      *cel.Env
	programs map[string]cel.Program
}

func newEvaluator(t testing.TB) evaluator {
	t.Helper()
	env, err := cel.NewEnv(
		cel.OptionalTypes(), cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true),
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType), cel.Variable("request", cel.DynType),
		cel.Variable("params", cel.DynType), cel.Variable("namespaceObject", cel.DynType),
		ext.Strings(ext.StringsVersion(2)),
	)
	if err != nil {
		t.Fatal(err)
	}
	return evaluator{env, map[string]cel.Program{}}
}

// eval returns the value and what the evaluation cost.
func (e evaluator) eval(t testing.TB, expression string, scene map[string]any) (any, uint64) {
	t.Helper()
	if e.programs[expression] == nil {
		e.programs[expression] = e.program(t, expression)
	}
	value, details, err := e.programs[expression].Eval(scene)
	if err != nil {
		t.Fatalf("evaluation failed: %v\n%s\n%v", err, expression, scene)
	}
	return value.Value(), *details.ActualCost()
}

func (e evaluator) program(t testing.TB, expression string) cel.Program {
	t.Helper()
	ast, issues := e.env.Compile(expression)
	if issues.Err() != nil {
		t.Fatalf("%s\n%v", expression, issues.Err())
	}
	program, err := e.env.Program(ast, cel.EvalOptions(cel.OptTrackCost))
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// sceneOf is what an admission policy sees of the request.
func sceneOf(t testing.TB, r *policy.Request, ledger v1alpha1.OverrideLedgerSpec) map[string]any {
	t.Helper()
	params, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&v1alpha1.OverrideLedger{Spec: ledger})
	if err != nil {
		t.Fatal(err)
	}
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
		"object": orNull(r.Object), "oldObject": orNull(r.OldObject), "request": request,
		"params": params, "namespaceObject": orNull(r.NamespaceObject),
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
		scene := sceneOf(t, request, shardFor(ledger, "p"))
		rule := pick(dice, "limits", "autogen-limits", "autogen-cronjob-limits", "validations[0]")
		name := waivers.Waives(policy.Info{Name: "p"}, rule, request, now)
		value, cost := e.eval(t, override.Clause("p", rule), scene)
		if value != (name != "") {
			t.Fatalf("case %d: the clause says %v, Waives says %q\nrule %q, request %+v\nledger %+v", i, value, name, rule, request, ledger)
		}
		if cost > 250_000 {
			t.Errorf("case %d costs %d", i, cost)
		}
		agreed[name != ""]++
		covered, _ := e.eval(t, override.Annotation("p"), scene)
		if text, isText := covered.(string); name != "" && (!isText || text == "") {
			t.Fatalf("case %d: waived by %q, but the annotation says %v", i, name, covered)
		}
	}
	if agreed[true] < 400 || agreed[false] < 400 {
		t.Errorf("the cases are lopsided: %v", agreed)
	}
}

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

// shardFor is the ledger that the API server reads for the policy.
func shardFor(everything v1alpha1.OverrideLedgerSpec, name string) v1alpha1.OverrideLedgerSpec {
	for _, ledger := range override.Ledgers(everything) {
		if ledger.Name == override.ShardOf(name) {
			return ledger.Spec
		}
	}
	return v1alpha1.OverrideLedgerSpec{}
}

func someOverrides(dice *rand.Rand) []v1alpha1.PolicyOverride {
	var overrides []v1alpha1.PolicyOverride
	for i := range 1 + dice.IntN(6) {
		o := v1alpha1.PolicyOverride{ObjectMeta: metav1.ObjectMeta{
			Namespace: pick(dice, "a1", "a1", "a2", "b1", "none", "roadbed-system"), Name: fmt.Sprintf("o%d", i),
		}}
		o.Spec = v1alpha1.PolicyOverrideSpec{
			Policies: []v1alpha1.OverriddenPolicy{{Name: pick(dice, "p", "p", "p", "q"), Rules: some(dice, "limits", "autogen-limits", "other")}},
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
