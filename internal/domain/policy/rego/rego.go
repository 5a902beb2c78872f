package rego

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// DefaultNamespace is the package whose rules are asked when none is named.
const DefaultNamespace = "main"

// Options say how rules are read and asked.
type Options struct {
	// Namespaces are the packages to ask; DefaultNamespace when empty.
	Namespaces []string
	// AllNamespaces asks every package that has a rule for it.
	AllNamespaces bool
	// V0 reads rules in the syntax before Rego 1.0.
	V0 bool
	// Data is what rules see as data.
	Data map[string]any
}

// Rules is a compiled set of rules. It is immutable and safe for concurrent use.
type Rules struct {
	options    Options
	namespaces []namespace
	// queries are prepared once, by what they ask: "data.main.deny".
	queries map[string]rego.PreparedEvalQuery
}

// namespace is a package with the rules that judge.
type namespace struct {
	name  string
	rules []string
}

// unreachable are the built-ins that rules do not have.
var unreachable = []string{"http.send", "net.lookup_ip_addr", "opa.runtime"}

// Compile reads rules by file name. An error has every mistake, each with file,
// line and column.
func Compile(files map[string]string, options Options) (*Rules, error) {
	version := ast.RegoV1
	if options.V0 {
		version = ast.RegoV0
	}
	modules := map[string]*ast.Module{}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		module, err := ast.ParseModuleWithOpts(file, files[file], ast.ParserOptions{RegoVersion: version})
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		if module != nil {
			modules[file] = module
		}
	}
	compiler := ast.NewCompiler().WithCapabilities(offline())
	if compiler.Compile(modules); compiler.Failed() {
		return nil, fmt.Errorf("compile rules: %w", compiler.Errors)
	}
	rules := &Rules{options: options, namespaces: judging(modules)}
	if err := rules.choose(); err != nil {
		return nil, err
	}
	return rules, rules.prepare(compiler)
}

// prepare compiles every question that Judge asks.
func (r *Rules) prepare(compiler *ast.Compiler) error {
	data := r.options.Data
	if data == nil {
		data = map[string]any{}
	}
	store := inmem.NewFromObject(data)
	r.queries = map[string]rego.PreparedEvalQuery{}
	for _, namespace := range r.namespaces {
		for _, rule := range append([]string{exception}, namespace.rules...) {
			query := queryOf(namespace.name, rule)
			prepared, err := rego.New(
				rego.Query(query), rego.Compiler(compiler), rego.Store(store), rego.StrictBuiltinErrors(true),
			).PrepareForEval(context.Background())
			if err != nil {
				return fmt.Errorf("prepare rule %s of package %s: %w", rule, namespace.name, err)
			}
			r.queries[query] = prepared
		}
	}
	return nil
}

// exception is the rule that names rules which are not to be asked.
const exception = "exception"

func queryOf(namespace, rule string) string { return "data." + namespace + "." + rule }

// offline are OPA's capabilities without what reaches out.
func offline() *ast.Capabilities {
	capabilities := ast.CapabilitiesForThisVersion()
	capabilities.Builtins = slices.DeleteFunc(capabilities.Builtins, func(b *ast.Builtin) bool {
		return slices.Contains(unreachable, b.Name)
	})
	return capabilities
}

// judging lists the packages that have rules that judge, sorted.
func judging(modules map[string]*ast.Module) []namespace {
	found := map[string]map[string]bool{}
	for _, module := range modules {
		name := strings.TrimPrefix(module.Package.Path.String(), "data.")
		for _, rule := range module.Rules {
			if _, ok := statusOf(string(rule.Head.Name)); !ok {
				continue
			}
			if found[name] == nil {
				found[name] = map[string]bool{}
			}
			found[name][string(rule.Head.Name)] = true
		}
	}
	var namespaces []namespace
	for _, name := range slices.Sorted(maps.Keys(found)) {
		namespaces = append(namespaces, namespace{name, slices.Sorted(maps.Keys(found[name]))})
	}
	return namespaces
}

// choose keeps the namespaces that are to be asked. One that was named and has
// no rule is an error: it would pass everything.
func (r *Rules) choose() error {
	if r.options.AllNamespaces {
		return nil
	}
	wanted := r.options.Namespaces
	if len(wanted) == 0 {
		wanted = []string{DefaultNamespace}
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(r.namespaces, func(n namespace) bool { return n.name == name }) {
			return fmt.Errorf("package %s has no rule named deny, violation or warn; packages that have: %s", name, r.names())
		}
	}
	r.namespaces = slices.DeleteFunc(r.namespaces, func(n namespace) bool { return !slices.Contains(wanted, n.name) })
	return nil
}

func (r *Rules) names() string {
	var names []string
	for _, namespace := range r.namespaces {
		names = append(names, namespace.name)
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

// statusOf tells what a rule's name makes of its answers.
func statusOf(rule string) (policy.Status, bool) {
	kind, _, _ := strings.Cut(rule, "_")
	switch kind {
	case "deny", "violation":
		return policy.Fail, true
	case "warn":
		return policy.Warn, true
	}
	return "", false
}

// Judge asks every rule about an input: one result for each answer, and one
// that passes for each rule that has none.
func (r *Rules) Judge(ctx context.Context, input any) ([]policy.Result, error) {
	var results []policy.Result
	for _, namespace := range r.namespaces {
		excepted, err := r.exceptions(ctx, namespace, input)
		if err != nil {
			return nil, err
		}
		for _, rule := range namespace.rules {
			found, err := r.ask(ctx, namespace.name, rule, input)
			if err != nil {
				return nil, err
			}
			if slices.Contains(excepted, rule) {
				found = []policy.Result{verdict(namespace.name, rule, policy.Skip, "an exception names this rule")}
			}
			results = append(results, found...)
		}
	}
	return results, nil
}

func verdict(namespace, rule string, status policy.Status, message string) policy.Result {
	tier := policy.Mandatory
	if kind, _ := statusOf(rule); kind == policy.Warn {
		tier = policy.Recommended
	}
	return policy.Result{Policy: namespace, Kind: "Rego", Rule: rule, Tier: tier, Lane: policy.Engine, Status: status, Message: message}
}

// ask evaluates one rule.
func (r *Rules) ask(ctx context.Context, namespace, rule string, input any) ([]policy.Result, error) {
	answers, err := r.query(ctx, queryOf(namespace, rule), input)
	if err != nil {
		return nil, fmt.Errorf("rule %s of package %s: %w", rule, namespace, err)
	}
	status, _ := statusOf(rule)
	var results []policy.Result
	for _, answer := range answers {
		message, err := messageOf(answer)
		if err != nil {
			return nil, fmt.Errorf("rule %s of package %s: %w", rule, namespace, err)
		}
		results = append(results, verdict(namespace, rule, status, message))
	}
	if results == nil {
		return []policy.Result{verdict(namespace, rule, policy.Pass, "")}, nil
	}
	sort.Slice(results, func(i, j int) bool { return results[i].Message < results[j].Message })
	return results, nil
}

// messageOf reads an answer: a message, or an object with msg.
func messageOf(answer any) (string, error) {
	switch answer := answer.(type) {
	case string:
		return answer, nil
	case map[string]any:
		if message, ok := answer["msg"].(string); ok {
			return message, nil
		}
		return "", errors.New("its answer is an object without the string msg")
	}
	return "", fmt.Errorf("its answer is a %T, want a message or an object with msg", answer)
}

// exceptions are the rules that the package's exception rules name: without
// the kind, as conftest has them ("" names deny itself).
func (r *Rules) exceptions(ctx context.Context, namespace namespace, input any) ([]string, error) {
	answers, err := r.query(ctx, queryOf(namespace.name, exception), input)
	if err != nil {
		return nil, fmt.Errorf("rule exception of package %s: %w", namespace.name, err)
	}
	var named []string
	for _, answer := range answers {
		list, ok := answer.([]any)
		if !ok {
			return nil, fmt.Errorf("rule exception of package %s: want a list of rules, not %T", namespace.name, answer)
		}
		for _, name := range list {
			named = append(named, fmt.Sprint(name))
		}
	}
	var excepted []string
	for _, rule := range namespace.rules {
		_, name, _ := strings.Cut(rule, "_")
		if slices.Contains(named, name) {
			excepted = append(excepted, rule)
		}
	}
	return excepted, nil
}

// query returns the members of a rule's set; none when it is undefined.
func (r *Rules) query(ctx context.Context, query string, input any) ([]any, error) {
	results, err := r.queries[query].Eval(ctx, rego.EvalInput(input))
	if err != nil || len(results) == 0 {
		return nil, err
	}
	switch value := results[0].Expressions[0].Value.(type) {
	case []any:
		return value, nil
	case bool:
		if !value {
			return nil, nil
		}
		return []any{"the rule is true"}, nil
	default:
		return []any{value}, nil
	}
}
