package override_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// used is an event as the API server writes it, shortened.
const used = `{"kind":"Event","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/a1/configmaps","verb":"create",` +
	`"user":{"username":"ann","groups":["b","a"]},"objectRef":{"resource":"configmaps","namespace":"a1","name":"web"},` +
	`"responseStatus":{"code":201},"annotations":{"authorization.k8s.io/decision":"allow","roadbed-policy-limits/overrides":"a1/o,a1/p"}}`

func TestUses(t *testing.T) {
	t.Parallel()
	use := func(name, actor, deed string, groups ...string) override.Use {
		return override.Use{Override: name, Policy: "roadbed-policy-limits", Actor: identity.Of(actor, groups...), Deed: deed}
	}
	for _, test := range []struct {
		name, event string
		want        []override.Use
	}{
		{"two overrides", used, []override.Use{use("a1/o", "ann", "create of configmaps a1/web", "a", "b"), use("a1/p", "ann", "create of configmaps a1/web", "a", "b")}},
		{
			"a webhook, by several rules of two policies",
			strings.Replace(used, "roadbed-policy-limits/overrides\":\"a1/o,a1/p", "open.validate.policy.roadbed.dev/overrides\":\"roadbed-policy-limits=a1/o,team=a1/o,roadbed-policy-limits=a1/o", 1),
			[]override.Use{
				use("a1/o", "ann", "create of configmaps a1/web", "a", "b"),
				{Override: "a1/o", Policy: "team", Actor: identity.Of("ann", "a", "b"), Deed: "create of configmaps a1/web"},
			},
		},
		{"a dry run", strings.Replace(used, "configmaps\",\"verb", "configmaps?dryRun=All\",\"verb", 1), nil},
		{"refused after all", strings.Replace(used, "201", "403", 1), nil},
		{"still under way", strings.Replace(used, "ResponseComplete", "RequestReceived", 1), nil},
		{"no annotation of ours", strings.Replace(used, "/overrides", "/other", 1), nil},
		{
			"impersonated, a subresource without a name",
			strings.NewReplacer(`"objectRef"`, `"impersonatedUser":{"username":"bob"},"objectRef"`, `,"name":"web"`, `,"subresource":"scale"`, ",a1/p", "").Replace(used),
			[]override.Use{use("a1/o", "bob", "create of configmaps/scale a1")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := override.Uses([]byte(test.event))
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func FuzzUses(f *testing.F) {
	f.Add([]byte(used))
	f.Add([]byte(`{"annotations":{"/overrides":","}}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		uses, err := override.Uses(event)
		if err != nil && len(uses) > 0 {
			t.Errorf("%d uses and an error: %v", len(uses), err)
		}
	})
}
