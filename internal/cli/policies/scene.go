package policies

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	platform "github.com/roadbed-dev/roadbed/internal/app/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/exception"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// scene are the flags that say what is around the objects.
type scene struct {
	values, userInfo, context string
	set                       map[string]string
	exceptions                []string
	registry                  bool
}

func (s *scene) addTo(flags *pflag.FlagSet) {
	flags.StringVarP(&s.values, "values-file", "f", "", "file of values for variables of policies (kind Values of cli.kyverno.io/v1alpha1)")
	flags.StringVar(&s.userInfo, "userinfo", "", "file that says who asks (kind UserInfo of cli.kyverno.io/v1alpha1)")
	flags.StringVar(&s.context, "context-file", "", "file with objects and images to look up (kind Context of cli.kyverno.io/v1alpha1)")
	flags.StringToStringVar(&s.set, "set", nil, "values for variables of policies, such as request.operation=UPDATE")
	flags.StringSliceVarP(&s.exceptions, "exceptions", "e", nil, "files or folders of exceptions and overrides")
	flags.BoolVar(&s.registry, "registry", false, "ask registries about images and signatures")
}

// stage is everything a judgement needs but the object.
type stage struct {
	scenario scenario.Scenario
	world    policy.World
	policies []load.Compiled
	exempt   scenario.Exemptions
}

// evaluators of the stage's policies.
func (s *stage) evaluators() []policy.Evaluator {
	all := make([]policy.Evaluator, len(s.policies))
	for i, compiled := range s.policies {
		all[i] = compiled.Evaluator
	}
	return all
}

// infos are the policies by name.
func (s *stage) infos() map[string]policy.Info {
	infos := map[string]policy.Info{}
	for _, compiled := range s.policies {
		info := compiled.Info()
		infos[info.Name] = info
	}
	return infos
}

// prepare makes the stage: policies compiled, files around read. With a cluster,
// what files do not have is looked up there, and overrides in force there count.
func (p *program) prepare(ctx context.Context, s scene, documents []load.Document, objects []scenario.Object, cluster bool) (*stage, error) {
	made := &stage{}
	options := load.Options{}
	options.Engine.Unbound = true
	around, err := p.around(s, made, objects)
	if err != nil {
		return nil, err
	}
	options.Engine.Params = around
	exceptions := exception.Among(documents)
	for _, name := range s.exceptions {
		read, problems, err := p.readPolicies(name)
		if err != nil {
			return nil, err
		}
		if err := p.tell(problems); err != nil {
			return nil, err
		}
		exceptions = append(exceptions, exception.Among(read)...)
	}
	options.Allowances = exception.Allowing(exceptions, p.Clock.Now(), load.Standard(options))
	if made.policies, err = p.evaluators(documents, options); err != nil {
		return nil, err
	}
	var ledger *policyv1.OverrideLedgerSpec
	if cluster {
		if ledger, err = p.reach(ctx, made); err != nil {
			return nil, err
		}
	}
	world := exception.WorldOf(made.evaluators(), made.scenario.Namespaces(), p.Clock.Now())
	world.Ledger = ledger
	p.tellOfExceptions(exceptions)
	exempt, problems := exception.Compile(exceptions, world, load.Standard(options))
	made.exempt = exempt
	return made, p.tell(problems)
}

// tellOfExceptions says that a cluster does not honour them.
func (p *program) tellOfExceptions(exceptions []load.Document) {
	if slices.ContainsFunc(exceptions, func(d load.Document) bool { return d.Kind() == "PolicyException" }) {
		fmt.Fprintln(p.Err, "exceptions count here as with Kyverno, for Mandatory policies too; in a cluster they waive nothing until they are approved as overrides (roadbed policy override import)")
	}
}

// around reads the files that say what is around the objects, and makes the
// world of it all.
func (p *program) around(s scene, made *stage, objects []scenario.Object) ([]map[string]any, error) {
	given := scenario.ContextSpec{}
	var err error
	if s.context != "" {
		if given, err = readOne(p, s.context, scenario.ParseContext); err != nil {
			return nil, err
		}
	}
	if s.values != "" {
		if made.scenario.Values, err = readOne(p, s.values, scenario.ParseValues); err != nil {
			return nil, err
		}
	}
	if s.userInfo != "" {
		if made.scenario.User, err = readOne(p, s.userInfo, scenario.ParseUserInfo); err != nil {
			return nil, err
		}
	}
	made.scenario.Values.Set(s.set)
	around := slices.Concat(scenario.FieldsOf(objects), given.Resources)
	made.scenario.Kinds = scenario.NewKinds(around)
	for _, fields := range around {
		made.scenario.Kinds.Complete(scenario.Of(fields))
	}
	made.scenario.Around = around
	made.world = policy.World{
		Lookup: scenario.NewLookup(made.scenario.Kinds, around, given.GlobalContext),
		Images: scenario.NewImages(given.Images),
		HTTP:   scenario.NewHTTP(given.HTTP),
		Now:    p.Clock.Now(),
	}
	if s.registry {
		made.world.Images = images.New(registry.New())
	}
	return around, nil
}

// reach lets policies look things up in the cluster, and reads the overrides in
// force there; nil where there is no such thing.
func (p *program) reach(ctx context.Context, made *stage) (*policyv1.OverrideLedgerSpec, error) {
	found, err := p.liveLookup()
	if err != nil {
		return nil, err
	}
	made.world.Lookup = found
	c, err := p.Client()
	if err != nil {
		return nil, err
	}
	var namespaces corev1.NamespaceList
	if err := c.List(ctx, &namespaces); err != nil {
		return nil, fmt.Errorf("read the namespaces: %w", err)
	}
	made.scenario.Values.Namespaces = append(slices.Clone(made.scenario.Values.Namespaces), namespaces.Items...)
	return platform.Ledger(ctx, c)
}

// readOne reads a file of one kind.
func readOne[T any](p *program, file string, parse func(string, []byte) (T, []yamldoc.Mistake)) (T, error) {
	data, shown, err := manifest.Input(p.Program, file)
	if err != nil {
		var none T
		return none, err
	}
	value, mistakes := parse(shown, data)
	return value, yamldoc.Join(mistakes)
}
