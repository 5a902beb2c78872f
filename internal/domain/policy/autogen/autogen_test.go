package autogen

import (
	"slices"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
)

func TestRewrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, in, want, reason string }{
		{"spec", `object.spec.hostNetwork == true`, `object.spec.template.spec.hostNetwork == true`, "the Pod's spec is in the template"},
		{"metadata", `object.metadata.labels['a'] == 'b'`, `object.spec.template.metadata.labels['a'] == 'b'`, "so are its labels"},
		{"name", `object.metadata.name != object.metadata.namespace`, `object.metadata.name != object.metadata.namespace`, "Pods of a workload have no names yet"},
		{"name alike", `object.metadata.nameFoo`, `object.spec.template.metadata.nameFoo`, "a name that begins alike is another"},
		{"old", `oldObject.spec.x == object.spec.x`, `oldObject.spec.template.spec.x == object.spec.template.spec.x`, "the old object is rewritten too"},
		{"has", `has(object.spec)`, `has(object.spec.template.spec)`, "macros are syntax, too"},
		{"optional", `object.?spec.?containers.orValue([])`, `object.spec.template.?spec.?containers.orValue([])`, "optional fields are fields"},
		{"index", `object["spec"]["containers"]`, `object.spec.template["spec"]["containers"]`, "and so are indexed ones"},
		{"string", `object.spec.x == "object.spec.y"`, `object.spec.template.spec.x == "object.spec.y"`, "a string is no expression"},
		{"comment", "object.spec.x // object.spec.y\n == 1", "object.spec.template.spec.x // object.spec.y\n == 1", "neither is a comment"},
		{"blank", "object . spec . x", "object.spec.template . spec . x", "white space does not hide a field"},
		{"lookalike", `myobject.spec.x && variables.object.spec`, `myobject.spec.x && variables.object.spec`, "only the variables object and oldObject count"},
		{"shadowed", `[{'spec': 1}].all(object, object.spec == 1)`, `[{'spec': 1}].all(object, object.spec == 1)`, "a loop's own variable is another"},
		{"nested", `object.spec.containers.all(c, c.image != object.spec.x)`, `object.spec.template.spec.containers.all(c, c.image != object.spec.template.spec.x)`, "the body of a loop is rewritten"},
		{"choice", `(object != null ? object : oldObject).spec.x`, `(object != null ? object.spec.template : oldObject.spec.template).spec.x`, "both sides of a choice lead to the template"},
		{"kind", `object.kind == 'Pod'`, `object.kind == 'Pod'`, "other fields are the workload's"},
		{"unicode", `'äöü' == object.spec.x`, `'äöü' == object.spec.template.spec.x`, "offsets count code points"},
		{"broken", `object.spec.`, `object.spec.`, "compiling says what is wrong"},
		{
			"apply", `Object{spec: Object.spec{containers: [Object.spec.containers{name: '}'}]}, metadata: Object.metadata{labels: object.metadata.labels}}`,
			`Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: '}'}]}, metadata: Object.spec.template.metadata{labels: object.spec.template.metadata.labels}}}}`,
			"what a mutation builds is nested",
		},
		{"pointer", `[JSONPatch{op: "add", path: "/spec/containers/" + string(0), value: "/spec/x"}]`, `[JSONPatch{op: "add", path: "/spec/template/spec/containers/" + string(0), value: "/spec/x"}]`, "pointers are moved, values are not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := rewrite(test.in, template); got != test.want {
				t.Errorf("%s\n got %s\nwant %s", test.reason, got, test.want)
			}
		})
	}
}

func TestRewriteForCronJobs(t *testing.T) {
	t.Parallel()
	const want = `object.spec.jobTemplate.spec.template.spec.x`
	if got := rewrite(`object.spec.x`, jobTemplate); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{`object.spec.x`, `Object{spec: Object.spec{}}`, `r'\'`, `"""`, `JSONPatch{path: r"/spec"}`, "object//\n.spec"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, expression string) {
		rewrite(expression, template)
		rewrite(expression, jobTemplate)
	})
}

// podPolicy is about all Pods; change makes it another.
func podPolicy(change func(*policiesv1.ValidatingPolicy)) *policiesv1.ValidatingPolicy {
	p := &policiesv1.ValidatingPolicy{}
	p.Spec.MatchConstraints = &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{"CREATE", "UPDATE"},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		},
	}}}
	p.Spec.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "labelled", Expression: "has(object.metadata.labels)"}}
	p.Spec.Variables = []admissionregistrationv1.Variable{{Name: "all", Expression: "object.spec.containers"}}
	p.Spec.Validations = []admissionregistrationv1.Validation{{
		Expression: "variables.all.size() > 0", Message: "object.spec.containers is empty", MessageExpression: "'in ' + object.spec.nodeName",
	}}
	if change != nil {
		change(p)
	}
	return p
}

func TestValidating(t *testing.T) {
	t.Parallel()
	variants := Validating(podPolicy(nil))
	if len(variants) != 2 || variants[0].Prefix != Prefix || variants[1].Prefix != CronJobPrefix {
		t.Fatalf("got %d variants, want one for workloads and one for CronJobs", len(variants))
	}
	workloads := variants[0].Spec
	var resources []string
	for _, rule := range workloads.MatchConstraints.ResourceRules {
		for _, resource := range rule.Resources {
			resources = append(resources, rule.APIGroups[0]+"/"+resource)
		}
	}
	want := []string{"/replicationcontrollers", "apps/daemonsets", "apps/deployments", "apps/replicasets", "apps/statefulsets", "batch/jobs"}
	if !slices.Equal(resources, want) {
		t.Errorf("resources %v, want %v", resources, want)
	}
	for what, pair := range map[string][2]string{
		"condition":          {workloads.MatchConditions[0].Expression, "has(object.spec.template.metadata.labels)"},
		"condition's name":   {workloads.MatchConditions[0].Name, "autogen-labelled"},
		"variable":           {workloads.Variables[0].Expression, "object.spec.template.spec.containers"},
		"message":            {workloads.Validations[0].Message, "object.spec.containers is empty"},
		"message expression": {workloads.Validations[0].MessageExpression, "'in ' + object.spec.template.spec.nodeName"},
		"cron job":           {variants[1].Spec.Variables[0].Expression, "object.spec.jobTemplate.spec.template.spec.containers"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestControllers(t *testing.T) {
	t.Parallel()
	no := false
	for _, test := range []struct {
		name, reason string
		change       func(*policiesv1.ValidatingPolicy)
		want         int
	}{
		{"chosen", "the spec chooses", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.Autogen = &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: &policiesv1.PodControllersGenerationConfiguration{Controllers: []string{"cronjobs"}}}
		}, 1},
		{"none chosen", "an empty choice is a choice", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.Autogen = &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: &policiesv1.PodControllersGenerationConfiguration{}}
		}, 0},
		{"off", "it can be switched off", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.Autogen = &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: &policiesv1.PodControllersGenerationConfiguration{Enabled: &no, Controllers: []string{"jobs"}}}
		}, 0},
		{"annotation", "older policies say it by annotation, and by kind", func(p *policiesv1.ValidatingPolicy) {
			p.Annotations = map[string]string{Annotation: "Deployment, CronJob"}
		}, 2},
		{"annotation none", "or that they want none", func(p *policiesv1.ValidatingPolicy) { p.Annotations = map[string]string{Annotation: "none"} }, 0},
		{"names", "a policy about named Pods is about no others", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.MatchConstraints.ResourceRules[0].ResourceNames = []string{"web"}
		}, 0},
		{"selector", "labels of Pods are not those of what creates them", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.MatchConstraints.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		}, 0},
		{"empty selector", "an empty selector selects all", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.MatchConstraints.ObjectSelector = &metav1.LabelSelector{}
		}, 2},
		{"debugging", "as with Kyverno, a policy about Pods and more asks for nothing by itself", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.MatchConstraints.ResourceRules[0].Resources = []string{"pods", "pods/ephemeralcontainers"}
		}, 0},
		{"debugging, and chosen", "but it can have both", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.MatchConstraints.ResourceRules[0].Resources = []string{"pods", "pods/ephemeralcontainers"}
			p.Spec.Autogen = &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: &policiesv1.PodControllersGenerationConfiguration{Controllers: []string{"cronjobs", "jobs"}}}
		}, 2},
		{"more", "a policy that names workloads itself needs nothing", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.MatchConstraints.ResourceRules[0].Resources = []string{"pods", "deployments"}
		}, 0},
		{"json", "documents have no workloads", func(p *policiesv1.ValidatingPolicy) {
			p.Spec.Evaluation = &policiesv1.EvaluationConfiguration{Mode: policiesv1.EvaluationModeJSON}
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := len(Validating(podPolicy(test.change))); got != test.want {
				t.Errorf("%d variants, want %d: %s", got, test.want, test.reason)
			}
		})
	}
}
