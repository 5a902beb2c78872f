package guards_test

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

func testIsolatedFirst(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "isolated")
	for _, who := range s.personas {
		t.Run(who.name, func(t *testing.T) {
			for _, o := range beforeIsolation() {
				t.Run(o.name, func(t *testing.T) { judge(t, o, who.client, s) })
			}
		})
	}
	t.Run("Roadbed itself", func(t *testing.T) {
		o := beforeIsolation()[0]
		o.control = nil
		judge(t, o, s.installer, s)
	})
	t.Run("cordon", func(t *testing.T) { s.cordons(t) })
}

// beforeIsolation are deeds in a namespace whose guardrails exist but whose
// isolation nobody has declared.
func beforeIsolation() []offence {
	const guard = "isolated-first"
	starts := func(namespace func(*scene) string, build func(string) client.Object) deed {
		return creates(func(s *scene) client.Object { return build(namespace(s)) })
	}
	fresh, mine := func(s *scene) string { return s.fresh }, func(s *scene) string { return s.mine }
	kinds := []struct {
		name  string
		build func(namespace string) client.Object
	}{
		{"start a pod", func(ns string) client.Object { return pod(ns) }},
		{"publish a service", func(ns string) client.Object { return service(ns) }},
		{"claim a volume", func(ns string) client.Object { return claim(ns, "fast") }},
	}
	var offences []offence
	for _, kind := range kinds {
		offences = append(offences, offence{kind.name, guard, starts(fresh, kind.build), starts(mine, kind.build)})
	}
	return offences
}

// cordons shows that a cordon keeps out new pods and nothing else, and ends.
func (s *scene) cordons(t *testing.T) {
	ann := s.personas[0].client
	mark := func(value string) {
		patch := mergePatch(`{"metadata":{"annotations":{"` + v1alpha1.AnnotationCordoned + `":` + value + `}}}`)
		if err := s.roadbed.Patch(t.Context(), own(s), patch); err != nil {
			t.Fatal(err)
		}
	}
	start := func() error { return ann.Create(t.Context(), pod(s.mine), client.DryRunAll) }

	mark(`"true"`)
	eventually(t, "a cordoned namespace refuses pods and says so", func() error {
		if err := start(); err == nil || !strings.Contains(err.Error(), "is cordoned and admits no new pods") {
			return errors.Join(errors.New("not refused for its cordon"), err)
		}
		return nil
	})
	settings := &corev1.ConfigMap{}
	settings.Namespace, settings.Name = s.mine, "settings"
	if err := ann.Create(t.Context(), settings, client.DryRunAll); err != nil {
		t.Errorf("a cordon keeps out more than pods: %v", err)
	}
	mark("null")
	eventually(t, "pods start again", start)
}
