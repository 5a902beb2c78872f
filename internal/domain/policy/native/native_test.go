package native_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// TestCompile compiles the policy of each case and shows what comes of it.
func TestCompile(t *testing.T) {
	t.Parallel()
	golden.Txtar(t, "testdata/compile/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		var opts native.Options
		if strings.Contains(string(archive.Comment), "an override") {
			opts.Waivers = waivers(t)
		}
		objects, reason, err := compile(decode(t, golden.File(t, archive, "policy.yaml")), opts)
		switch {
		case err != nil:
			golden.SetFile(archive, "error.txt", []byte(err.Error()+"\n"))
		case reason != "":
			golden.SetFile(archive, "reason.txt", []byte(string(reason)+"\n"))
		default:
			golden.SetFile(archive, "native.yaml", render(t, objects))
		}
		return archive
	})
}

// waivers are two overrides in force, for cases whose comment tells of one.
func waivers(t *testing.T) policyv1alpha1.Waivers {
	t.Helper()
	end, err := time.Parse(time.DateOnly, "2027-01-31")
	if err != nil {
		t.Fatal(err)
	}
	return policyv1alpha1.Waivers{
		{Override: "payments/one", Rules: []string{"validations[0]"}, Tenants: []string{"payments"}, Names: "^(?:web-.*)$", ExpiresAt: metav1.NewTime(end)},
		{Override: "payments/two", Tenants: []string{"payments"}, Namespaces: []string{"payments", "payments-dev"}, ExpiresAt: metav1.NewTime(end)},
	}
}

func decode(t *testing.T, source []byte) client.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := policiesv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects, err := apply.Decode(scheme, string(source))
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

func compile(object client.Object, opts native.Options) (native.Objects, native.Reason, error) {
	switch p := object.(type) {
	case *policiesv1.ValidatingPolicy:
		return native.Validating(p, opts)
	case *policiesv1.NamespacedValidatingPolicy:
		return native.NamespacedValidating(p, opts)
	case *policiesv1.MutatingPolicy:
		return native.Mutating(p, opts)
	case *policiesv1.NamespacedMutatingPolicy:
		return native.NamespacedMutating(p, opts)
	}
	return nil, "", nil
}

func render(t *testing.T, objects native.Objects) []byte {
	t.Helper()
	var documents [][]byte
	for _, object := range objects {
		document, err := native.Manifest(object)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
	}
	return bytes.Join(documents, []byte("---\n"))
}

func policyWith(change func(*policiesv1.ValidatingPolicySpec)) *policiesv1.ValidatingPolicy {
	p := &policiesv1.ValidatingPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	p.Spec.MatchConstraints = &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
		},
	}}}
	change(&p.Spec)
	return p
}

func TestReasons(t *testing.T) {
	t.Parallel()
	expression := func(text string) func(*policiesv1.ValidatingPolicySpec) {
		return func(s *policiesv1.ValidatingPolicySpec) {
			s.Validations = []admissionv1.Validation{{Expression: text}}
		}
	}
	cases := []struct {
		name   string
		change func(*policiesv1.ValidatingPolicySpec)
		want   string // part of the reason; empty means native
	}{
		{"plain", expression("object.data.size() > 0"), ""},
		{"names of a comprehension are its own", expression("object.data.all(resource, resource != '')"), ""},
		{"two names", expression("object.data.all(image, value, image != value)"), ""},
		{"types and namespaces of functions", expression("type(object.data) == map && optional.of(1).hasValue() && sets.contains([1], [1])"), ""},
		{"the API server's own lookup of rights", expression("authorizer.group('').resource('pods').check('get').allowed()"), ""},
		{"a lookup", expression("resource.List('v1', 'pods', '').items.size() == 0"), "it looks other objects up"},
		{"a request", expression("http.Get('https://example.com').ok == true"), "it makes HTTP requests"},
		{"images of the policy", expression("images.containers.size() == 0"), "images"},
		{"a service account", expression("parseServiceAccount(request.userInfo.username).Name == ''"), "parseServiceAccount"},
		{"no admission", func(s *policiesv1.ValidatingPolicySpec) {
			s.Evaluation = &policiesv1.EvaluationConfiguration{Admission: &policiesv1.AdmissionConfiguration{Enabled: new(false)}}
		}, string(native.OffAtAdmission)},
		{"documents", func(s *policiesv1.ValidatingPolicySpec) {
			s.Evaluation = &policiesv1.EvaluationConfiguration{Mode: policiesv1.EvaluationModeJSON}
		}, string(native.AboutJSON)},
		{"nothing matched", func(s *policiesv1.ValidatingPolicySpec) { s.MatchConstraints = nil }, string(native.MatchesNothing)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			objects, reason, err := native.Validating(policyWith(c.change), native.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if (c.want == "") != (reason == "") || !strings.Contains(string(reason), c.want) {
				t.Errorf("reason %q, want %q", reason, c.want)
			}
			if (reason == "") != (len(objects) > 0) {
				t.Errorf("%d objects with reason %q", len(objects), reason)
			}
		})
	}
}

func TestMutationsOfWhatExists(t *testing.T) {
	t.Parallel()
	p := &policiesv1.MutatingPolicy{Spec: policiesv1.MutatingPolicySpec{TargetMatchConstraints: &policiesv1.TargetMatchConstraints{Expression: "x"}}}
	if _, reason, err := native.Mutating(p, native.Options{}); err != nil || reason != native.AboutExisting {
		t.Errorf("reason %q, %v", reason, err)
	}
}

// TestStaticRefusesWhatNoFileCanSay wants a name and a way out in each refusal.
func TestStaticRefusesWhatNoFileCanSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, want string }{
		{"a Default policy", "default-may-be-waived", `policy "config-is-labelled" may be waived`},
		{"a mutation", "mutation-may-be-waived", `"roadbed-policy-owner-label" changes objects`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			objects := ofCase(t, c.file, native.Options{})
			if _, err := native.Static(objects); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	objects := ofCase(t, "mandatory-with-workloads", native.Options{})
	file, err := native.Static(objects)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(file, []byte("  name: roadbed-policy-no-host-network")); got != 6 {
		t.Errorf("the file names %d objects, want three policies and their bindings:\n%s", got, file)
	}
	for line := range strings.Lines(string(file)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "policyName: "); ok && !strings.HasSuffix(name, ".static.k8s.io") {
			t.Errorf("a binding names %q", name)
		}
	}
	if objects[0].GetName() != "roadbed-policy-no-host-network" {
		t.Errorf("rendering renamed the object to %q", objects[0].GetName())
	}
}

// TestNothingHasAParameter: an API server that has just started does not find
// parameters of custom kinds.
func TestNothingHasAParameter(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"default-may-be-waived", "mutation-may-be-waived", "recommended-warns"} {
		for _, object := range ofCase(t, file, native.Options{Waivers: waivers(t)}) {
			document, err := native.Manifest(object)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(document, []byte("param")) {
				t.Errorf("%s has a parameter:\n%s", object.GetName(), document)
			}
		}
	}
}

// TestAdviceNeverRefuses: the API server refuses for an audit annotation that
// fails, whatever the binding says.
func TestAdviceNeverRefuses(t *testing.T) {
	t.Parallel()
	for tier, want := range map[string]admissionv1.FailurePolicyType{"recommended": admissionv1.Ignore, "default": admissionv1.Fail, "mandatory": admissionv1.Fail} {
		p := policyWith(func(s *policiesv1.ValidatingPolicySpec) {
			s.Validations = []admissionv1.Validation{{Expression: "true"}}
			s.AuditAnnotations = []admissionv1.AuditAnnotation{{Key: "owner", ValueExpression: "string(object.metadata.labels.owner)"}}
		})
		p.Labels = map[string]string{policy.TierLabel: tier}
		objects, reason, err := native.Validating(p, native.Options{})
		if err != nil || reason != "" {
			t.Fatal(reason, err)
		}
		if got := objects[0].(*admissionv1.ValidatingAdmissionPolicy).Spec.FailurePolicy; *got != want {
			t.Errorf("a %s policy with an annotation of its own fails with %s, want %s", tier, *got, want)
		}
	}
}

// TestNamesDoNotCollide wants no two policies to be one native object.
func TestNamesDoNotCollide(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 250)
	seen := map[string]string{}
	for _, key := range []client.ObjectKey{
		{Name: "a"}, {Namespace: "a", Name: "b"}, {Name: "a.b"}, {Name: "ns-a.b"}, {Name: long + "a"}, {Name: long + "b"}, {Namespace: "a", Name: long},
	} {
		name := native.Name(&policiesv1.ValidatingPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}})
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s are both %s", key, other, name)
		}
		if seen[name] = key.String(); len(name)+len("-autogen-cronjob.static.k8s.io") > 253 {
			t.Errorf("%s: the name has %d bytes, with suffixes too many", key, len(name))
		}
	}
}

func ofCase(t *testing.T, name string, opts native.Options) native.Objects {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/compile/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	objects, reason, err := compile(decode(t, golden.File(t, archive, "policy.yaml")), opts)
	if err != nil || reason != "" {
		t.Fatalf("not native: %q, %v", reason, err)
	}
	return objects
}
