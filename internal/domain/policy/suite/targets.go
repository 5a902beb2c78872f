package suite

import (
	"context"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// loadTargets compiles the rules that change targets, of tests that have some.
// What else is wrong with their policies was told already.
func (b *bench) loadTargets(documents []load.Document) error {
	var err error
	if b.targets, err = b.readObjects(b.test.TargetResources); err != nil || len(b.targets) == 0 {
		return err
	}
	for _, document := range documents {
		var source *kyvernov1.ClusterPolicy
		switch p := document.Object.(type) {
		case *kyvernov1.ClusterPolicy:
			source = p
		case *kyvernov1.Policy:
			source = &kyvernov1.ClusterPolicy{ObjectMeta: p.ObjectMeta, Spec: p.Spec}
		default:
			continue
		}
		if existing, err := legacy.CompileExisting(source, b.runner.Options.Legacy); err == nil {
			b.existing = append(b.existing, existing)
		}
	}
	b.problems = slices.DeleteFunc(b.problems, func(p load.Problem) bool {
		return p.Unsupported && strings.HasSuffix(p.Field, "mutate.targets")
	})
	return nil
}

// changeTargets changes the targets by each object that sets rules off, and notes
// what comes of it as their verdicts. About the object itself such rules say
// nothing.
func (b *bench) changeTargets(ctx context.Context, operation string, scene *scenario.Scenario) error {
	for _, existing := range b.existing {
		info := existing.Info()
		for _, each := range b.targets {
			key := operation + " " + each.String()
			b.verdicts[key] = append(b.verdicts[key], scenario.Verdict{Info: info, Object: each})
		}
		for _, trigger := range b.objects {
			r, err := scene.Request(trigger)
			if err != nil {
				return err
			}
			b.unsay(operation+" "+trigger.String(), info)
			world := b.world
			world.Values = scene.ValuesFor(trigger)
			for _, change := range existing.Change(ctx, r, world, scenario.FieldsOf(b.targets)) {
				about := scenario.Of(change.Target)
				key := operation + " " + about.String()
				b.verdicts[key] = append(b.verdicts[key], scenario.Verdict{
					Info: info, Object: about, Changed: change.After, Results: []policy.Result{change.Result},
				})
			}
		}
	}
	return nil
}

// unsay takes back what the rules of a policy said of an object.
func (b *bench) unsay(key string, info policy.Info) {
	for i := range b.verdicts[key] {
		if verdict := &b.verdicts[key][i]; verdict.Info.Name == info.Name {
			verdict.Results = slices.DeleteFunc(slices.Clone(verdict.Results), func(r policy.Result) bool { return slices.Contains(info.Rules, r.Rule) })
		}
	}
}
