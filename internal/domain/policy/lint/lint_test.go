package lint_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/lint"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

func check(file, text string) []lint.Finding {
	documents, problems := load.Parse(file, []byte(text))
	return lint.Check(documents, problems, lint.Options{Compilers: load.Standard(load.Options{})})
}

// TestPrinted: three policies as an article prints them, each with what is
// wrong with it.
func TestPrinted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/printed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, finding := range check("printed.yaml", string(text)) {
		lines = append(lines, finding.String())
	}
	golden.Check(t, "testdata/printed.golden", []byte(strings.Join(lines, "\n")+"\n"))
}

// TestCheck: each kind of finding, and what is close to it and fine.
func TestCheck(t *testing.T) {
	t.Parallel()
	const vap = `apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: p, labels: {policy.roadbed.dev/tier: default}}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [RESOURCES]}]}
  validations: [EXPRESSIONS]
`
	policyOf := func(resources string, expressions ...string) string {
		var list []string
		for _, expression := range expressions {
			list = append(list, `{expression: "`+expression+`"}`)
		}
		return strings.NewReplacer("RESOURCES", resources, "EXPRESSIONS", strings.Join(list, ", ")).Replace(vap)
	}
	legacyOf := func(kinds string) string {
		return `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p, labels: {policy.roadbed.dev/tier: recommended}}
spec: {rules: [{name: r, match: {any: [{resources: {kinds: [` + kinds + `]}}]}, validate: {pattern: {metadata: {labels: {owner: "?*"}}}}}]}
`
	}
	inNamespace := func(text string) string {
		return strings.NewReplacer("kind: ClusterPolicy", "kind: Policy", "kind: ValidatingPolicy", "kind: NamespacedValidatingPolicy", "name: p,", "name: p, namespace: shop,").Replace(text)
	}
	const everyContainer = "(object.spec.containers + object.spec.?initContainers.orValue([]) + object.spec.?ephemeralContainers.orValue([])).all(c, c.name != 'x')"
	for _, test := range []struct {
		name, reason, text string
		want               []lint.Code
	}{
		{"fine", "all containers, and the subresource", policyOf("pods, pods/ephemeralcontainers", everyContainer), nil},
		{"true", "nothing violates it", policyOf("configmaps", "true"), []lint.Code{lint.NeverFires}},
		{"false", "everything does", policyOf("secrets", "false"), []lint.Code{lint.AlwaysFires}},
		{"twice", "white space does not count", policyOf("secrets", "has(object.data)", "has(object.data) "), []lint.Code{lint.Shadowed}},
		{"containers only", "a user puts it into an init container", policyOf("pods", "object.spec.containers.all(c, c.name != 'x')"), []lint.Code{lint.MissingContainers}},
		{"no subresource", "ephemeral containers come by another way", policyOf("pods", everyContainer), []lint.Code{lint.MissingSubresource}},
		{"containers of a variable", "wherever the pod is, it has other containers too", policyOf("pods", "[object.spec].all(pod, pod.containers.all(c, c.name != 'x'))"), []lint.Code{lint.MissingContainers}},
		{"no such resource", "the core group has no deployments", policyOf("deployments", "has(object.metadata.labels)"), []lint.Code{lint.NeverFires}},
		{"a kind for a resource", "resources are plurals", policyOf("pod", "has(object.metadata.labels)"), []lint.Code{lint.NeverFires}},
		{"resources of one's own", "anybody may add to other groups", strings.Replace(policyOf("pod", "has(object.metadata.labels)"), `apiGroups: [""]`, `apiGroups: ["", corp.example]`, 1), nil},
		{"all resources", "and a subresource of all", policyOf("'*', '*/scale', 'pods/*'", "has(object.metadata.name)"), nil},
		{"plural of a kind", "kinds are no resources", legacyOf("pods"), []lint.Code{lint.NeverFires}},
		{"a slip in a kind", "and who has such a kind says its group", legacyOf("Deployement"), []lint.Code{lint.NeverFires}},
		{"a kind in the wrong group", "apps has no Pod", legacyOf("apps/v1/Pod"), []lint.Code{lint.NeverFires}},
		{"kinds that are there", "with versions, subresources and wildcards, and of one's own", legacyOf("apps/v1/Deployment, Pod/exec, '*/scale', apps/*/StatefulSet, batch/*/*, Release, cert-manager.io/v1/Certificate, Endpoints, Ingress, Policy, v1/Service"), nil},
		{"of the cluster", "a policy of a namespace never concerns it", inNamespace(legacyOf("Secret, v1/Namespace")), []lint.Code{lint.NeverFires}},
		{"in namespaces", "which a policy of one does", inNamespace(legacyOf("Secret, Role, Release, '*'")), nil},
		{"resource of the cluster", "which a policy of a namespace never concerns", inNamespace(strings.Replace(policyOf("clusterroles, roles", "has(object.rules)"), `apiGroups: [""]`, `apiGroups: [rbac.authorization.k8s.io]`, 1)), []lint.Code{lint.NeverFires}},
		{"switched off", "neither requests nor scans evaluate it", strings.Replace(legacyOf("Secret"), "spec: {", "spec: {admission: false, background: false, ", 1), []lint.Code{lint.NeverFires}},
		{"scans only", "which is something", strings.Replace(legacyOf("Secret"), "spec: {", "spec: {admission: false, ", 1), nil},
		{"replicas", "scale is another way", strings.Replace(policyOf("deployments", "object.spec.replicas < 9"), `apiGroups: [""]`, `apiGroups: [apps]`, 1), []lint.Code{lint.MissingSubresource}},
		{"blocks Kubernetes", "every namespace's first ConfigMap", policyOf("configmaps", "has(object.metadata.labels) && 'owner' in object.metadata.labels"), []lint.Code{lint.BlocksSystem}},
		{"expensive", "three loops in one another", policyOf("pods, pods/ephemeralcontainers", everyContainer, "object.spec.containers.all(a, object.spec.containers.all(b, object.spec.containers.all(c, a.name + b.name != c.name)))"), []lint.Code{lint.ExpensiveCEL}},
		{"untiered", "nothing but the action tells", strings.Replace(policyOf("secrets", "has(object.data)"), ", labels: {policy.roadbed.dev/tier: default}", "", 1), []lint.Code{lint.Untiered}},
		{"accepted", "the policy says so", strings.Replace(policyOf("secrets", "false"), "name: p,", "name: p, annotations: {policy.roadbed.dev/lint-ignore: 'always-fires, shadowed'},", 1), nil},
		{"unknown function", "it does not compile", policyOf("secrets", "nosuch(object)"), []lint.Code{lint.Invalid}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			found := check("p.yaml", test.text)
			got := map[lint.Code]bool{}
			for _, finding := range found {
				got[finding.Code] = true
			}
			if len(got) != len(test.want) {
				t.Errorf("%s: findings %v, want %v", test.reason, found, test.want)
			}
			for _, code := range test.want {
				if !got[code] {
					t.Errorf("%s: findings %v, want %s", test.reason, found, code)
				}
			}
		})
	}
}

// TestApplied: what an apply configuration cannot do is told, with the fields.
func TestApplied(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason, configuration, more string
		want                              []string
	}{
		{"associative", "elements have names", "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, tty: true})}}", "", nil},
		{
			"atomic", "with a list within a list", "Object{spec: Object.spec{tolerations: [], containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, args: c.args.filter(a, a != 'x')})}}", "",
			[]string{"error: MutatingPolicy p, rule mutations[0]: the API server writes spec.containers.args and spec.tolerations of a Pod only as a whole, and applies no configuration to that: every Pod that matches is refused; use patchType: JSONPatch [atomic-field]"},
		},
		{
			"ignored", "failures are not told to anybody", "Object{spec: Object.spec{nodeSelector: {'a': 'b'}}}", "failurePolicy: Ignore",
			[]string{"error: MutatingPolicy p, rule mutations[0]: the API server writes spec.nodeSelector of a Pod only as a whole, and applies no configuration to that: no Pod is ever changed; use patchType: JSONPatch [atomic-field]"},
		},
		{"replaced", "the policy asks for it", "Object{spec: Object.spec{tolerations: object.spec.tolerations.filter(t, t.key != 'a')}}", "evaluation: {useServerSideApply: true}", nil},
		{
			"filtered", "the object keeps the rest", "Object{spec: Object.spec{containers: object.spec.containers.filter(c, c.name != 'a')}}", "",
			[]string{"warning: MutatingPolicy p, rule mutations[0]: applying a part of spec.containers takes no element away, and the API server refuses elements with fields that it writes only as a whole, such as args, command, envFrom; to remove some, use patchType: JSONPatch [removes-nothing]"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, finding := range check("p.yaml", `apiVersion: policies.kyverno.io/v1
kind: MutatingPolicy
metadata: {name: p, labels: {policy.roadbed.dev/tier: default}}
spec:
  `+test.more+`
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "`+test.configuration+`"}}]
`) {
				_, text, _ := strings.Cut(finding.String(), " ")
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", test.reason, diff)
			}
		})
	}
}

// TestBadKey: it is told once, and cannot be accepted.
func TestBadKey(t *testing.T) {
	t.Parallel()
	found := check("p.yaml", `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p, labels: {policy.roadbed.dev/tier: default}, annotations: {policy.roadbed.dev/lint-ignore: unparsable-key}}
spec:
  rules:
  - name: r
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ["*"]
      attestors: [{entries: [{keys: {rekor: {ignoreTlog: true}, publicKeys: "-----BEGIN PUBLIC KEY-----\\nMFkw...\\n-----END PUBLIC KEY-----"}}]}]
`)
	if len(found) != 1 || found[0].Code != lint.UnparsableKey || !strings.Contains(found[0].Message, "was it shortened?") {
		t.Errorf("%v, want one finding of an unparsable key", found)
	}
}

// TestNoSubject: what cannot be read has no kind or name.
func TestNoSubject(t *testing.T) {
	t.Parallel()
	found := check("p.yaml", "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nkind: ClusterPolicy\n")
	if len(found) != 1 || !strings.HasPrefix(found[0].String(), "p.yaml:3: error: malformed YAML") {
		t.Errorf("%v", found)
	}
}

// TestSilentAudit: what Roadbed does instead is what the tier says.
func TestSilentAudit(t *testing.T) {
	t.Parallel()
	for tier, want := range map[string]string{"mandatory": "Roadbed refuses, because the tier is Mandatory", "recommended": "Roadbed warns, because the tier is Recommended"} {
		found := check("p.yaml", `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p, labels: {policy.roadbed.dev/tier: `+tier+`}}
spec:
  validationFailureAction: Audit
  rules: [{name: r, match: {any: [{resources: {kinds: [Secret]}}]}, validate: {pattern: {metadata: {name: "?*"}}}}]
`)
		if len(found) != 1 || found[0].Code != lint.SilentAudit || !strings.Contains(found[0].Message, want) {
			t.Errorf("%s: %v, want %q", tier, found, want)
		}
	}
}
