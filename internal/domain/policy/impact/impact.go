package impact

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Forecast is what policies would do.
type Forecast struct {
	// Requests is how many requests were judged.
	Requests int `json:"requests"`
	// Refused is how many of them at least one policy would refuse.
	Refused int `json:"refused"`
	// Warned is how many would pass with a warning.
	Warned int `json:"warned"`
	// Changed is how many would be changed.
	Changed int `json:"changed"`
	// Rules is what each rule would do, by policy and rule.
	Rules []Rule `json:"rules"`
	// Tenants is how many requests of each tenant and team are affected.
	Tenants []Tenant `json:"tenants"`
}

// Rule is what a rule would do.
type Rule struct {
	Policy string      `json:"policy"`
	Rule   string      `json:"rule"`
	Tier   policy.Tier `json:"tier"`
	Lane   policy.Lane `json:"lane"`
	Counts
	// Tenants are those with a request that the rule is not content with.
	Tenants []string `json:"tenants,omitempty"`
	// Examples are the first of those requests, by namespace and name.
	Examples []Example `json:"examples,omitempty"`
}

// Counts are numbers of results. A mutation passes where it applies.
type Counts struct {
	Pass  int `json:"pass"`
	Fail  int `json:"fail"`
	Warn  int `json:"warn"`
	Error int `json:"error"`
	Skip  int `json:"skip"`
}

// Example is a request that a rule is not content with.
type Example struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Tenant    string `json:"tenant,omitempty"`
	Message   string `json:"message"`
}

// Tenant is what the policies would do to a tenant.
type Tenant struct {
	Tenant string `json:"tenant"`
	// Team answers for the tenant, as its namespaces say.
	Team     string `json:"team,omitempty"`
	Requests int    `json:"requests"`
	Refused  int    `json:"refused"`
	Warned   int    `json:"warned"`
	Changed  int    `json:"changed"`
}

// Options of a forecast.
type Options struct {
	// Examples is how many examples each rule keeps.
	Examples int
	// Workers judge at the same time; at least one does.
	Workers int
	// World is what policies may look at.
	World policy.World
}

// Run judges every request by the set. The first error of the requests ends it.
func Run(ctx context.Context, set *policy.Set, requests iter.Seq2[*policy.Request, error], options Options) (*Forecast, error) {
	t := &tally{examples: options.Examples, rules: map[ruleKey]*Rule{}, affected: map[ruleKey]map[string]bool{}, tenants: map[string]*Tenant{}}
	for _, evaluator := range set.Evaluators() {
		t.announce(evaluator.Info())
	}
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(max(1, options.Workers))
	for request, err := range requests {
		if err != nil {
			return nil, cmp.Or(err, workers.Wait())
		}
		if ctx.Err() != nil {
			break
		}
		workers.Go(func() error {
			t.add(request, set.Decide(ctx, request, options.World))
			return ctx.Err()
		})
	}
	if err := workers.Wait(); err != nil {
		return nil, err
	}
	return t.forecast(), nil
}

// Refuses tells whether any rule of the forecast would refuse a request.
func (f *Forecast) Refuses() bool { return f.Refused > 0 }

// Warns tells whether any rule would refuse a request or warn.
func (f *Forecast) Warns() bool { return f.Refused > 0 || f.Warned > 0 }

// Errs tells whether any rule could not be evaluated.
func (f *Forecast) Errs() bool {
	return slices.ContainsFunc(f.Rules, func(r Rule) bool { return r.Error > 0 })
}

// ruleKey names a rule.
type ruleKey struct{ policy, rule string }

// tally counts. It is safe for concurrent use.
type tally struct {
	examples int

	mu       sync.Mutex
	requests Tenant                      // guarded by mu; the sum of all
	rules    map[ruleKey]*Rule           // guarded by mu
	affected map[ruleKey]map[string]bool // guarded by mu; tenants
	tenants  map[string]*Tenant          // guarded by mu
}

// announce lists rules that concern no request at all, too.
func (t *tally) announce(info policy.Info) {
	for _, rule := range info.Rules {
		t.rules[ruleKey{info.Name, rule}] = &Rule{Policy: info.Name, Rule: rule, Tier: info.Tier, Lane: info.Lane}
	}
}

func (t *tally) add(r *policy.Request, d policy.Decision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := r.Tenant()
	tenant, ok := t.tenants[name]
	if !ok {
		tenant = &Tenant{Tenant: name, Team: r.NamespaceLabels()[tenancyv1alpha1.LabelOwner]}
		t.tenants[name] = tenant
	}
	for _, sum := range []*Tenant{tenant, &t.requests} {
		sum.Requests++
		sum.Refused += count(!d.Allowed())
		sum.Warned += count(d.Allowed() && len(d.Warnings()) > 0)
		sum.Changed += count(d.Object != nil)
	}
	for _, result := range d.Results {
		t.result(r, name, result)
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// result counts one result. The caller holds mu.
func (t *tally) result(r *policy.Request, tenant string, result policy.Result) {
	key := ruleKey{result.Policy, result.Rule}
	rule, ok := t.rules[key]
	if !ok {
		rule = &Rule{Policy: result.Policy, Rule: result.Rule, Tier: result.Tier, Lane: result.Lane}
		t.rules[key] = rule
	}
	rule.count(result)
	if !result.Refuses() && !result.Warns() {
		return
	}
	if t.affected[key] == nil {
		t.affected[key] = map[string]bool{}
	}
	if tenant != "" {
		t.affected[key][tenant] = true
	}
	rule.example(t.examples, Example{Kind: r.Kind.Kind, Namespace: r.Namespace, Name: r.Name, Tenant: tenant, Message: result.Message})
}

func (r *Rule) count(result policy.Result) {
	switch result.Status {
	case policy.Pass:
		r.Pass++
	case policy.Fail:
		r.Fail++
	case policy.Warn:
		r.Warn++
	case policy.Error:
		r.Error++
	case policy.Skip:
		r.Skip++
	}
}

// example keeps the first ones in order, whatever order they come in.
func (r *Rule) example(limit int, e Example) {
	at, _ := slices.BinarySearchFunc(r.Examples, e, compare)
	if at < limit {
		r.Examples = slices.Insert(r.Examples, at, e)
		r.Examples = r.Examples[:min(limit, len(r.Examples))]
	}
}

func compare(a, b Example) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Message, b.Message))
}

// forecast puts everything in order: rules by policy and rule, tenants by how
// much is refused.
func (t *tally) forecast() *Forecast {
	f := &Forecast{Requests: t.requests.Requests, Refused: t.requests.Refused, Warned: t.requests.Warned, Changed: t.requests.Changed}
	for key, rule := range t.rules {
		rule.Tenants = slices.Sorted(maps.Keys(t.affected[key]))
		f.Rules = append(f.Rules, *rule)
	}
	slices.SortFunc(f.Rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Rule, b.Rule))
	})
	for _, tenant := range t.tenants {
		f.Tenants = append(f.Tenants, *tenant)
	}
	slices.SortFunc(f.Tenants, func(a, b Tenant) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(b.Warned, a.Warned), cmp.Compare(a.Tenant, b.Tenant))
	})
	return f
}
