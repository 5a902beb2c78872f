package inforce

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// named is a policy of which only the name matters.
type named string

func (n named) Info() policy.Info { return policy.Info{Name: string(n)} }

func (named) Validate(context.Context, *policy.Request, policy.World) []policy.Result { return nil }

var errBroken = errors.New("it is broken")

func kindOfTest() Kind {
	return Kind{
		Name: "ValidatingPolicy",
		New:  func() client.Object { return &policiesv1.ValidatingPolicy{} },
		Compile: func(object client.Object) (policy.Evaluator, error) {
			if object.GetLabels()["broken"] != "" {
				return nil, errBroken
			}
			return named(object.GetName() + "@" + object.GetAnnotations()["version"]), nil
		},
	}
}

func source(name, version string, generation int64, broken bool) *policiesv1.ValidatingPolicy {
	p := &policiesv1.ValidatingPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: generation, Annotations: map[string]string{"version": version}}}
	if broken {
		p.Labels = map[string]string{"broken": "yes"}
	}
	return p
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	ctx, kind := t.Context(), kindOfTest()
	p := New(nil, slog.New(slog.DiscardHandler), []policy.Evaluator{named("platform")}, kind)
	told := 0
	p.OnChange(func() { told++ })
	wants := func(what string, times int, names ...string) {
		t.Helper()
		var have []string
		for _, info := range p.Infos() {
			have = append(have, info.Name)
		}
		if !slices.Equal(have, names) {
			t.Errorf("%s: in force are %v, want %v", what, have, names)
		}
		if told != times {
			t.Errorf("%s: told %d times, want %d", what, told, times)
		}
	}
	wants("before anything", 0, "platform")
	p.take(ctx, kind, source("b", "1", 1, false))
	p.take(ctx, kind, source("a", "1", 1, false))
	wants("two policies", 2, "platform", "a@1", "b@1")
	snapshot := p.Evaluators()
	p.retake(ctx, kind, source("a", "1", 1, false), source("a", "1", 1, false))
	wants("a status that changed", 2, "platform", "a@1", "b@1")
	p.retake(ctx, kind, source("a", "1", 1, false), source("a", "2", 2, false))
	wants("a spec that changed", 3, "platform", "a@2", "b@1")
	if snapshot[1].Info().Name != "a@1" {
		t.Error("a snapshot that somebody holds was changed")
	}
	p.retake(ctx, kind, source("a", "2", 2, false), source("a", "3", 3, true))
	wants("a policy that broke", 3, "platform", "a@2", "b@1")
	p.drop(kind, toolscache.DeletedFinalStateUnknown{Obj: source("a", "3", 3, true)})
	p.drop(kind, source("b", "1", 1, false))
	wants("none", 5, "platform")
}
