package autogen

import "testing"

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
