package policies

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	admissionv1 "k8s.io/api/admission/v1"

	platform "github.com/roadbed-dev/roadbed/internal/app/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/impact"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// impactPage is how many objects of the cluster are in memory at once.
const impactPage = 500

// impactFlags are those of the verb impact.
type impactFlags struct {
	source    source
	recorded  string
	namespace string
	examples  int
	failOn    string
	out       *verb.Output
}

func (p *program) impactVerb() *cobra.Command {
	f := &impactFlags{out: verb.NewOutput(verb.FormatTable, verb.FormatWide, verb.FormatJSON, verb.FormatYAML, verb.FormatSARIF, verb.FormatJUnit)}
	cmd := &cobra.Command{
		Use:   "impact [POLICIES...]",
		Short: "Forecast what policies would refuse, before they are enforced",
		Long: `Forecast what new or changed policies would do: evaluate them over the objects of the
cluster, or over requests that were recorded (--requests), and count by rule, tenant and
team, with examples. Overrides in force there count. Nothing is enforced or written.

Recorded requests are a file with a JSON object on each line: events of the API server's
audit log (at level Request or RequestResponse) or AdmissionReviews. Existing objects say
what would be refused if they were created again; recorded requests say who would have
been refused.

The exit code is 1 when the forecast is as bad as --fail-on says: a request refused
(refuse), or one that a policy warns of (warn), or a rule that could not be evaluated
(error), and when no recorded request could be judged.`,
		Example: `  roadbed policy impact policies/require-probes.yaml
  roadbed policy impact policies/ -n tenant-payments-dev -o wide
  roadbed policy impact policies/ --requests audit.log --fail-on refuse`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.source.files = args
			if err := f.source.restrict("name files, or give --catalogue"); err != nil {
				return err
			}
			return p.impact(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.source.catalogue, "catalogue", false, "the platform's own policies")
	flags.StringVar(&f.recorded, "requests", "", "file of recorded requests instead of the cluster's objects, - for the standard input")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "only objects of this namespace")
	flags.IntVar(&f.examples, "examples", 3, "examples to keep for each rule")
	flags.StringVar(&f.failOn, "fail-on", "none", "what makes the exit code 1: refuse, warn, error or none")
	verb.CompleteFlag(cmd, "fail-on", verb.CompleteFixed("refuse", "warn", "error", "none"))
	f.out.AddFlag(cmd)
	return cmd
}

func (p *program) impact(ctx context.Context, f *impactFlags) error {
	if !slices.Contains([]string{"refuse", "warn", "error", "none"}, f.failOn) {
		return verb.Usagef("--fail-on %s: must be refuse, warn, error or none", f.failOn)
	}
	documents, err := p.read(ctx, f.source)
	if err != nil {
		return err
	}
	options := load.Options{}
	options.Engine.Unbound = true
	compiled, err := p.evaluators(documents, options)
	if err != nil {
		return err
	}
	made := &stage{policies: compiled}
	forecast, err := p.forecast(ctx, f, made.evaluators())
	if err != nil {
		return err
	}
	if err := p.printForecast(f.out, forecast); err != nil {
		return err
	}
	if f.failOn == "refuse" && forecast.Refuses() || f.failOn == "warn" && forecast.Warns() || f.failOn == "error" && forecast.Errs() {
		return verb.Exit(verb.ExitFailed)
	}
	return nil
}

// forecast runs over recorded requests or over the cluster.
func (p *program) forecast(ctx context.Context, f *impactFlags, evaluators []policy.Evaluator) (*impact.Forecast, error) {
	options := impact.Options{Examples: f.examples, Workers: runtime.GOMAXPROCS(0), World: policy.World{Now: p.Clock.Now()}}
	if f.recorded != "" {
		return p.replay(ctx, f, evaluators, options)
	}
	set, err := p.inForce(ctx, evaluators, &options.World)
	if err != nil {
		return nil, err
	}
	requests, err := p.existing(ctx, f.namespace, evaluators)
	if err != nil {
		return nil, err
	}
	return impact.Run(ctx, set, requests, options)
}

// inForce are the policies with the overrides that are in force in the cluster,
// where the world looks things up from then on.
func (p *program) inForce(ctx context.Context, evaluators []policy.Evaluator, world *policy.World) (*policy.Set, error) {
	c, err := p.Client()
	if err != nil {
		return nil, err
	}
	if world.Lookup, err = p.liveLookup(); err != nil {
		return nil, err
	}
	waivers, err := platform.Waivers(ctx, c)
	return policy.NewSet(evaluators, waivers), err
}

// replay judges recorded requests. Namespaces, overrides and what policies look up
// are those of the cluster, where one answers.
func (p *program) replay(ctx context.Context, f *impactFlags, evaluators []policy.Evaluator, options impact.Options) (*impact.Forecast, error) {
	reader, name := p.In, "standard input"
	if f.recorded != "-" {
		file, err := os.Open(f.recorded)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // it is only read
		reader, name = file, f.recorded
	}
	set := policy.NewSet(evaluators, nil)
	namespaces, err := p.namespaces(ctx)
	if err != nil {
		fmt.Fprintf(p.Err, "No cluster to ask for the labels of namespaces and for what policies look up, so no tenants are told: %v\n", err)
	} else if set, err = p.inForce(ctx, evaluators, &options.World); err != nil {
		return nil, err
	}
	recording := impact.NewRecording(name, reader, func(name string) map[string]any { return namespaces[name] })
	forecast, err := impact.Run(ctx, set, recording.Requests(), options)
	for reason, count := range recording.Left {
		fmt.Fprintf(p.Err, "%d recorded requests left out: %s\n", count, reason)
	}
	if err == nil && forecast.Requests == 0 && f.failOn != "none" {
		err = fmt.Errorf("%s: no recorded request could be judged, so nothing is known of what would be refused", name)
	}
	return forecast, err
}

// objectsOfCluster reads any object of the cluster.
func (p *program) objectsOfCluster() (dynamic.Interface, error) {
	config, err := p.RestConfig()
	if err != nil {
		return nil, err
	}
	return dynamic.NewForConfig(config)
}

// namespaces are those of the cluster, by name.
func (p *program) namespaces(ctx context.Context) (map[string]map[string]any, error) {
	client, err := p.objectsOfCluster()
	if err != nil {
		return nil, err
	}
	list, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	found := map[string]map[string]any{}
	for _, item := range list.Items {
		found[item.GetName()] = item.Object
	}
	return found, nil
}

// existing yields requests that would create the cluster's objects, page by
// page, of the resources that the policies may concern.
func (p *program) existing(ctx context.Context, namespace string, evaluators []policy.Evaluator) (iter.Seq2[*policy.Request, error], error) {
	served, err := p.served()
	if err != nil {
		return nil, err
	}
	namespaces, err := p.namespaces(ctx)
	if err != nil {
		return nil, err
	}
	client, err := p.objectsOfCluster()
	if err != nil {
		return nil, err
	}
	covered := slices.Clone(policy.Covering(evaluators, served, admissionv1.Create, admissionv1.Update))
	covered = slices.DeleteFunc(covered, func(r policy.Served) bool { return namespace != "" && !r.Namespaced })
	return func(yield func(*policy.Request, error) bool) {
		for _, resource := range covered {
			for object, err := range pages(ctx, client, resource, namespace) {
				var r *policy.Request
				if err == nil {
					r = policy.Existing(object.Object, resource, namespaces[object.GetNamespace()])
				}
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}, nil
}

// pages yields the objects of a resource.
func pages(ctx context.Context, client dynamic.Interface, r policy.Served, namespace string) iter.Seq2[*unstructured.Unstructured, error] {
	resource := client.Resource(schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource}).Namespace(namespace)
	return func(yield func(*unstructured.Unstructured, error) bool) {
		options := metav1.ListOptions{Limit: impactPage}
		for {
			page, err := resource.List(ctx, options)
			if err != nil {
				yield(nil, fmt.Errorf("list %s: %w", r, err))
				return
			}
			for i := range page.Items {
				if !yield(&page.Items[i], nil) {
					return
				}
			}
			if options.Continue = page.GetContinue(); options.Continue == "" {
				return
			}
		}
	}
}

func (p *program) printForecast(out *verb.Output, f *impact.Forecast) error {
	if done, err := p.exportForecast(out, f); done {
		return err
	}
	return out.Print(p.Out, f, func() error {
		rows := make([][]string, len(f.Rules))
		for i, r := range f.Rules {
			rows[i] = []string{r.Policy, r.Rule, string(r.Tier), strconv.Itoa(r.Pass), strconv.Itoa(r.Fail), strconv.Itoa(r.Warn), strconv.Itoa(r.Error), strconv.Itoa(len(r.Tenants))}
		}
		if err := verb.Table(p.Out, []string{"POLICY", "RULE", "TIER", "PASS", "FAIL", "WARN", "ERROR", "TENANTS"}, rows); err != nil {
			return err
		}
		if err := p.printTenants(f, out.Chosen == verb.FormatWide); err != nil {
			return err
		}
		p.printExamples(f)
		_, err := fmt.Fprintf(p.Out, "\n%d requests: %d would be refused, %d warned of, %d changed.\n", f.Requests, f.Refused, f.Warned, f.Changed)
		return err
	})
}

// printTenants prints the tenants that are affected, or all.
func (p *program) printTenants(f *impact.Forecast, all bool) error {
	var rows [][]string
	for _, t := range f.Tenants {
		if all || t.Refused+t.Warned > 0 {
			rows = append(rows, []string{cmp.Or(t.Tenant, "(none)"), t.Team, strconv.Itoa(t.Requests), strconv.Itoa(t.Refused), strconv.Itoa(t.Warned), strconv.Itoa(t.Changed)})
		}
	}
	if rows == nil {
		return nil
	}
	fmt.Fprintln(p.Out)
	return verb.Table(p.Out, []string{"TENANT", "TEAM", "REQUESTS", "REFUSED", "WARNED", "CHANGED"}, rows)
}

func (p *program) printExamples(f *impact.Forecast) {
	for _, r := range f.Rules {
		for _, e := range r.Examples {
			fmt.Fprintf(p.Out, "\n%s/%s: %s %s/%s: %s\n", r.Policy, r.Rule, e.Kind, e.Namespace, e.Name, e.Message)
		}
	}
}
