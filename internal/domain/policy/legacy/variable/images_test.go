package variable_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

type configs = []kyvernov1.ImageExtractorConfig

func TestImages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, kind, object string
		configs            configs
		want               map[string]string
	}{
		{
			"all groups of a Pod", "Pod",
			`{"spec": {"containers": [{"name": "a", "image": "nginx"}, {"name": "b"}], "initContainers": [{"name": "i", "image": "busybox:1"}], "ephemeralContainers": [{"name": "e", "image": "debug"}]}}`, nil,
			map[string]string{
				"containers/a":          "docker.io/nginx:latest /spec/containers/0/image",
				"initContainers/i":      "docker.io/busybox:1 /spec/initContainers/0/image",
				"ephemeralContainers/e": "docker.io/debug:latest /spec/ephemeralContainers/0/image",
			},
		},
		{
			"a CronJob", "CronJob", `{"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x"}]}}}}}}`, nil,
			map[string]string{"containers/a": "docker.io/x:latest /spec/jobTemplate/spec/template/spec/containers/0/image"},
		},
		{"another kind", "ConfigMap", `{"spec": {"containers": [{"name": "a", "image": "x"}]}}`, nil, map[string]string{}},
		{"nothing in a Pod", "Pod", `{}`, nil, map[string]string{}},
		{
			"an own kind", "Task", `{"spec": {"steps": [{"name": "s", "image": "x"}]}}`,
			configs{{Path: "/spec/steps/*", Value: "image", Key: "name", Name: "steps"}},
			map[string]string{"steps/s": "docker.io/x:latest /spec/steps/0/image"},
		},
		{
			"by pointer, in the group custom", "Task", `{"spec": {"steps": [{"image": "x"}, {"image": "y"}]}}`,
			configs{{Path: "/spec/steps/*/image"}},
			map[string]string{"custom//spec/steps/0/image": "docker.io/x:latest /spec/steps/0/image", "custom//spec/steps/1/image": "docker.io/y:latest /spec/steps/1/image"},
		},
		{
			"in an object, changed by an expression", "DataVolume", `{"spec": {"sources": {"a/b": {"url": "docker://registry.example/vm:1"}}}}`,
			configs{{Path: "/spec/sources/*/url", JMESPath: "trim_prefix(@, 'docker://')"}},
			map[string]string{"custom//spec/sources/a~1b/url": "registry.example/vm:1 /spec/sources/a~1b/url"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var extractors variable.Extractors
			if tt.configs != nil {
				var err error
				if extractors, err = variable.ParseExtractors(map[string][]kyvernov1.ImageExtractorConfig{tt.kind: tt.configs}); err != nil {
					t.Fatal(err)
				}
			}
			object, _ := decoded(t, tt.object).(map[string]any)
			images, err := extractors.Images(tt.kind, object, jmespath.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for group, byKey := range images {
				for key, image := range byKey {
					got[group+"/"+key] = image.String() + " " + image.Pointer
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestImagesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, object, want string }{
		{"a malformed image", `{"spec": {"containers": [{"name": "a", "image": "No Image"}]}}`, "at /spec/containers/0/image"},
		{"a container without a name", `{"spec": {"containers": [{"image": "x"}]}}`, `"name", which tells images apart`},
		{"no list", `{"spec": {"containers": "x"}}`, "neither a list nor an object"},
		{"no object", `{"spec": "x"}`, "at /spec: not an object"},
		{"a list of no objects", `{"spec": {"containers": ["x"]}}`, "at /spec/containers/0: not an object"},
	} {
		object, _ := decoded(t, tt.object).(map[string]any)
		c := variable.NewContext(jmespath.Env{}).WithImages("Pod", object, nil)
		if _, err := c.Search("images || 'none'"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.want)
		}
	}
	none := variable.NewContext(jmespath.Env{}).WithImages("Pod", nil, nil)
	if got, err := none.Search("images || 'none'"); err != nil || got != "none" {
		t.Errorf("no images: %v, %v", got, err)
	}
}

func TestExtractorsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]kyvernov1.ImageExtractorConfig{
		"imageExtractors/Task/0: path is empty": {Path: "/"},
		"jmesPath: JMESPath expression":         {Path: "/a", JMESPath: "a b"},
	} {
		_, err := variable.ParseExtractors(map[string][]kyvernov1.ImageExtractorConfig{"Task": {config}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// FuzzParse: no string makes a template panic, and one that holds no variable
// and no escape stays as it is.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"{{ request.object.kind }}", "a {{ b.{{ c }} }}", `\{{ x }}`, "{{{a: b}}}", "{{ 'x}}' }}", "$(./../a)", `\$(a)`, "{{@}}", "{{", "}}", "{{ ` }}", "{{ 'a\\'{{ b }}' }}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		template, err := variable.Parse(map[string]any{"k": source, source: "v"}, "fuzz", variable.NewScope("b", "c"))
		if err != nil {
			return
		}
		resolved, err := template.Resolve(context(t))
		if err != nil || strings.Contains(source, "{{") || strings.Contains(source, "$(") {
			return
		}
		if object, ok := resolved.(map[string]any); !ok || source != "k" && object["k"] != source || object[source] != "v" {
			t.Errorf("%q became %v", source, resolved)
		}
	})
}
