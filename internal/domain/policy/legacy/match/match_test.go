package match_test

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
)

func TestParseKind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]match.KindSelector{
		"Pod":                           {Group: "*", Version: "*", Kind: "Pod"},
		"*":                             {Group: "*", Version: "*", Kind: "*"},
		"*/*":                           {Group: "*", Version: "*", Kind: "*", SubResource: "*"},
		"*/exec":                        {Group: "*", Version: "*", Kind: "*", SubResource: "exec"},
		"Pod/exec":                      {Group: "*", Version: "*", Kind: "Pod", SubResource: "exec"},
		"Pod.status":                    {Group: "*", Version: "*", Kind: "Pod", SubResource: "status"},
		"v1/Pod":                        {Group: "*", Version: "v1", Kind: "Pod"},
		"*/Pod":                         {Group: "*", Version: "*", Kind: "Pod"},
		"v1/Pod/exec":                   {Group: "*", Version: "v1", Kind: "Pod", SubResource: "exec"},
		"apps/v1/Deployment":            {Group: "apps", Version: "v1", Kind: "Deployment"},
		"apps/*/Deployment":             {Group: "apps", Version: "*", Kind: "Deployment"},
		"apps/v1/Deployment/scale":      {Group: "apps", Version: "v1", Kind: "Deployment", SubResource: "scale"},
		"apps/v1/Deployment.scale":      {Group: "apps", Version: "v1", Kind: "Deployment", SubResource: "scale"},
		"networking.k8s.io/v1/*":        {Group: "networking.k8s.io", Version: "v1", Kind: "*"},
		"music.example/v1/Scale":        {Group: "music.example", Version: "v1", Kind: "Scale"},
		"Scale/status":                  {Group: "*", Version: "*", Kind: "Scale", SubResource: "status"},
		"storage.k8s.io/v1beta1/*Class": {Group: "storage.k8s.io", Version: "v1beta1", Kind: "*Class"},
	} {
		got, err := match.ParseKind(text)
		if err != nil || got != want {
			t.Errorf("ParseKind(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a/b/c/d/e", "v1/", "apps/x/Deployment", "Scale", "autoscaling/v1/Scale", "v1/PodExecOptions", "Eviction"} {
		if got, err := match.ParseKind(text); err == nil {
			t.Errorf("ParseKind(%q) = %+v, want an error", text, got)
		}
	}
}

// request is a Deployment "web" in namespace "shop" by a user, as changed.
func request(change func(*policy.Request)) *policy.Request {
	object := map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{
			"name": "web", "namespace": "shop",
			"labels": map[string]any{"app": "web", "team": "red"}, "annotations": map[string]any{"note": "yes"},
		},
	}
	r := &policy.Request{
		Operation: admissionv1.Create, Object: object, Namespace: "shop", Name: "web",
		Kind:            schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
		Resource:        schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"},
		NamespaceObject: map[string]any{"metadata": map[string]any{"name": "shop", "labels": map[string]any{"env": "prod"}}},
		User:            authenticationv1.UserInfo{Username: "ann", Groups: []string{"devs"}},
		Roles:           []string{"shop:editor"}, ClusterRoles: []string{"viewer"},
	}
	if change != nil {
		change(r)
	}
	return r
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, match, exclude string
		change               func(*policy.Request)
		want                 bool
		reason               string
	}{
		{"kind", `{any: [{resources: {kinds: [Deployment]}}]}`, ``, nil, true, "the kind fits"},
		{"other kind", `{any: [{resources: {kinds: [Pod]}}]}`, ``, nil, false, "another kind"},
		{"one of any", `{any: [{resources: {kinds: [Pod]}}, {resources: {kinds: [apps/v1/Deploy*]}}]}`, ``, nil, true, "one filter is enough"},
		{"not all", `{all: [{resources: {kinds: [Deployment]}}, {resources: {names: [db]}}]}`, ``, nil, false, "each filter must fit"},
		{"older form", `{resources: {kinds: [Deployment], name: "w?b", namespaces: [sh*]}}`, ``, nil, true, "without a list around it"},
		{"empty block", `{any: [{resources: {}}]}`, ``, nil, false, "an empty block selects nothing"},
		{"names", `{any: [{resources: {kinds: [Deployment], names: [db, "web*"]}}]}`, ``, nil, true, "one of the names"},
		{"annotations", `{any: [{resources: {kinds: [Deployment], annotations: {"no*": "?es"}}}]}`, ``, nil, true, "wildcards on both sides"},
		{"missing annotation", `{any: [{resources: {kinds: [Deployment], annotations: {other: "*"}}}]}`, ``, nil, false, "there is no such annotation"},
		{"labels", `{any: [{resources: {kinds: [Deployment], selector: {matchLabels: {app: web, "te*": "r*"}}}}]}`, ``, nil, true, "with and without wildcards"},
		{"label expressions", `{any: [{resources: {kinds: [Deployment], selector: {matchExpressions: [{key: team, operator: NotIn, values: [red]}]}}}]}`, ``, nil, false, "the team is excluded"},
		{"namespace labels", `{any: [{resources: {kinds: [Deployment], namespaceSelector: {matchLabels: {env: prod}}}}]}`, ``, nil, true, "the namespace has the label"},
		{"other namespace labels", `{any: [{resources: {kinds: [Deployment], namespaceSelector: {matchLabels: {env: dev}}}}]}`, ``, nil, false, "it has another"},
		{"operation", `{any: [{resources: {kinds: [Deployment], operations: [UPDATE]}}]}`, ``, nil, false, "it is a creation"},
		{"subject by user", `{any: [{resources: {kinds: [Deployment]}, subjects: [{kind: User, name: "an*"}]}]}`, ``, nil, true, "who asks"},
		{"subject by group", `{any: [{resources: {kinds: [Deployment]}, subjects: [{kind: Group, name: ops}]}]}`, ``, nil, false, "not in the group"},
		{
			"subject by service account", `{any: [{resources: {kinds: [Deployment]}, subjects: [{kind: ServiceAccount, name: ci, namespace: shop}]}]}`, ``,
			func(r *policy.Request) { r.User.Username = "system:serviceaccount:shop:ci" }, true, "by its user name",
		},
		{"roles", `{any: [{resources: {kinds: [Deployment]}, roles: ["shop:editor"]}]}`, ``, nil, true, "a role in a namespace"},
		{"cluster roles", `{any: [{resources: {kinds: [Deployment]}, clusterRoles: [cluster-admin]}]}`, ``, nil, false, "not bound"},
		{
			"user in a scan", `{any: [{resources: {kinds: [Deployment]}, clusterRoles: [cluster-admin]}]}`, ``,
			func(r *policy.Request) { r.User, r.Roles, r.ClusterRoles = authenticationv1.UserInfo{}, nil, nil }, true, "nobody asks, so the condition does not count",
		},
		{"exclude any", `{any: [{resources: {kinds: [Deployment]}}]}`, `{any: [{resources: {namespaces: [shop]}}]}`, nil, false, "taken out"},
		{"exclude all", `{any: [{resources: {kinds: [Deployment]}}]}`, `{all: [{resources: {namespaces: [shop]}}, {resources: {names: [db]}}]}`, nil, true, "one of all does not fit"},
		{"exclude by user", `{any: [{resources: {kinds: [Deployment]}}]}`, `{any: [{clusterRoles: [viewer]}]}`, nil, false, "who asks is taken out"},
		{"empty exclude", `{any: [{resources: {kinds: [Deployment]}}]}`, `{}`, nil, true, "an empty block takes nothing out"},
		{
			"deletion", `{any: [{resources: {kinds: [Deployment], names: [web]}}]}`, ``,
			func(r *policy.Request) { r.OldObject, r.Object, r.Operation = r.Object, nil, admissionv1.Delete }, true, "the former state is judged",
		},
		{
			"update out of the selector", `{any: [{resources: {kinds: [Deployment], selector: {matchLabels: {app: web}}}}]}`, ``,
			func(r *policy.Request) {
				r.OldObject, r.Operation = r.Object, admissionv1.Update
				r.Object = map[string]any{"metadata": map[string]any{"name": "web", "namespace": "shop"}}
			}, true, "the former state counts as well",
		},
		{
			"subresource", `{any: [{resources: {kinds: [Deployment]}}]}`, ``,
			func(r *policy.Request) { r.SubResource = "status" }, false, "status is not the object",
		},
		{
			"subresource by name", `{any: [{resources: {kinds: [apps/v1/Deployment/scale]}}]}`, ``,
			func(r *policy.Request) {
				r.SubResource, r.Kind = "scale", schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}
			}, true, "the body is a Scale, but it belongs to a Deployment",
		},
		{
			"ephemeral containers", `{any: [{resources: {kinds: [Pod]}}]}`, ``,
			func(r *policy.Request) {
				r.SubResource, r.Kind = "ephemeralcontainers", schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
			}, true, "they run in the Pod as others do",
		},
		{
			"namespaces by name", `{any: [{resources: {kinds: [Namespace], namespaces: [shop]}}]}`, ``,
			func(r *policy.Request) {
				r.Kind = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
				r.Object = map[string]any{"metadata": map[string]any{"name": "shop"}}
			}, true, "a Namespace is in itself",
		},
		{
			"namespaces by labels", `{any: [{resources: {kinds: [Namespace], namespaces: [shop], namespaceSelector: {matchLabels: {x: y}}}}]}`, ``,
			func(r *policy.Request) {
				r.Kind = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
				r.Object = map[string]any{"metadata": map[string]any{"name": "shop"}}
			}, false, "a selector by the labels of the namespace is not about Namespaces",
		},
		{
			"generated name", `{any: [{resources: {kinds: [Deployment], names: ["gen-*"]}}]}`, ``,
			func(r *policy.Request) {
				r.Name = ""
				r.Object = map[string]any{"metadata": map[string]any{"generateName": "gen-"}}
			}, true, "the prefix stands for the name",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			blocks := compile(t, test.match, test.exclude, "")
			verdict := blocks.Decide(request(test.change))
			if verdict.Concerns() != test.want {
				t.Errorf("concerns = %v (%+v), want %v: %s", !test.want, verdict, test.want, test.reason)
			}
		})
	}
}

func TestPolicyOfANamespace(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]bool{"shop": true, "other": false} {
		blocks := compile(t, `{any: [{resources: {kinds: [Deployment]}}]}`, "", namespace)
		if got := blocks.Decide(request(nil)).Concerns(); got != want {
			t.Errorf("a Policy in %s concerns an object in shop: %v, want %v", namespace, got, want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{any: [{resources: {kinds: ["a/b/c/d/e"]}}]}`:                                    `spec.rules[0].match.any[0].resources.kinds[0]: "a/b/c/d/e" is no kind`,
		`{any: [{resources: {kinds: [Scale]}}]}`:                                          `spec.rules[0].match.any[0].resources.kinds[0]: "Scale" is what is sent to a subresource and no object: it would select nothing; write Deployment/scale`,
		`{any: [{resources: {}}], all: [{resources: {}}]}`:                                "spec.rules[0].match: any and all cannot be used together",
		`{all: [{resources: {selector: {matchExpressions: [{key: a, operator: Has}]}}}]}`: "spec.rules[0].match.all[0].resources.selector",
		`{resources: {namespaceSelector: {matchExpressions: [{key: a, operator: Has}]}}}`: "spec.rules[0].match.resources.namespaceSelector",
		`{any: [{resources: {kinds: [Pod]}, subjects: [{kind: Robot, name: a}]}]}`:        `spec.rules[0].match.any[0].subjects[0].kind: "Robot" is no kind of subject`,
	} {
		var block kyvernov1.MatchResources
		if err := yaml.Unmarshal([]byte(source), &block); err != nil {
			t.Fatal(err)
		}
		if _, err := match.Compile(block, nil, "", "spec.rules[0]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", source, err, want)
		}
	}
}

func compile(t *testing.T, matching, excluding, namespace string) *match.Blocks {
	t.Helper()
	var block kyvernov1.MatchResources
	if err := yaml.UnmarshalStrict([]byte(matching), &block); err != nil {
		t.Fatal(err)
	}
	var exclude *kyvernov1.MatchResources
	if excluding != "" {
		exclude = &kyvernov1.MatchResources{}
		if err := yaml.UnmarshalStrict([]byte(excluding), exclude); err != nil {
			t.Fatal(err)
		}
	}
	blocks, err := match.Compile(block, exclude, namespace, "spec.rules[0]")
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

func FuzzParseKind(f *testing.F) {
	for _, seed := range []string{"*/*", "apps/v1/Deployment.scale", "a/b/c/d", "//", "v1/.x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		selector, err := match.ParseKind(text)
		if err == nil && selector.Kind == "" {
			t.Errorf("%q was read as a selector without a kind", text)
		}
	})
}
