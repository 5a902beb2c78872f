package override_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// corporate is a world with two tenants, three policies and terms of one tier.
func corporate() override.World {
	return override.World{
		Policies: map[string]policy.Info{
			"limits":     {Name: "limits", Tier: policy.Default, Rules: []string{"memory", "autogen-memory"}},
			"labels":     {Name: "labels", Tier: policy.Recommended},
			"pods":       {Name: "pods", Tier: policy.Default, Lane: policy.Legacy},
			"signatures": {Name: "signatures", Tier: policy.Mandatory},
		},
		Places: map[string]override.Place{
			"a1": {Tenant: "a", Tier: "tier-1"}, "a2": {Tenant: "a", Tier: "tier-1"}, "b1": {Tenant: "b"}, "none": {},
		},
		Terms: map[string]tenancyv1alpha1.TierOverrides{"tier-1": {MaxDays: 7, Approver: tenancyv1alpha1.ApproverPlatform}},
		Now:   noon,
	}
}

// wished is an override that can be granted, changed.
func wished(changes ...func(*v1alpha1.PolicyOverride)) *v1alpha1.PolicyOverride {
	o := &v1alpha1.PolicyOverride{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a1", Name: "o", CreationTimestamp: metav1.NewTime(noon)},
		Spec: v1alpha1.PolicyOverrideSpec{
			Policies:      []v1alpha1.OverriddenPolicy{{Name: "limits"}},
			Justification: "the vendor's image aborts", Ticket: "CHG-1", Requester: "ann",
			ExpiresAt: metav1.NewTime(noon.Add(7 * 24 * time.Hour)),
		},
	}
	for _, change := range changes {
		change(o)
	}
	return o
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*v1alpha1.PolicyOverride)
		want   []string
	}{
		{"what can be granted", func(*v1alpha1.PolicyOverride) {}, nil},
		{"a control of a rule", func(o *v1alpha1.PolicyOverride) {
			o.Spec.Policies[0].Name = "pods"
			o.Spec.PodSecurity = []v1alpha1.PodSecurityControl{{ControlName: "Host Ports", Images: []string{"agent"}}}
		}, nil},
		{"controls that there are not, or not so", func(o *v1alpha1.PolicyOverride) {
			o.Spec.Policies[0].Name = "pods"
			o.Spec.PodSecurity = []v1alpha1.PodSecurityControl{{ControlName: "Ports"}, {ControlName: "Host Ports"}}
		}, []string{"spec.podSecurity[0]", "spec.podSecurity[1]"}},
		{"controls of a policy that has none", func(o *v1alpha1.PolicyOverride) {
			o.Spec.PodSecurity = []v1alpha1.PodSecurityControl{{ControlName: "Sysctls"}}
		}, []string{"only a ClusterPolicy or Policy has podSecurity rules"}},
		{"a rule, and the one made of it", func(o *v1alpha1.PolicyOverride) { o.Spec.Policies[0].Rules = []string{"memory", "autogen-memory"} }, nil},
		{"a rule only known by what is made of it", func(o *v1alpha1.PolicyOverride) {
			o.Spec.Policies[0].Rules = []string{"autogen-cronjob-memory"}
		}, nil},
		{"the tenant's other namespace", func(o *v1alpha1.PolicyOverride) { o.Spec.Scope.Namespaces = []string{"a2"} }, nil},
		{"twenty letters, not bytes", func(o *v1alpha1.PolicyOverride) { o.Spec.Justification = strings.Repeat("é", 20) }, nil},
		{"a short justification", func(o *v1alpha1.PolicyOverride) { o.Spec.Justification = strings.Repeat("é", 19) }, []string{"spec.justification: Invalid value"}},
		{"a justification of blanks", func(o *v1alpha1.PolicyOverride) { o.Spec.Justification = strings.Repeat(" ", 20) }, []string{"spec.justification: Invalid value"}},
		{"a ticket of blanks", func(o *v1alpha1.PolicyOverride) { o.Spec.Ticket = " " }, []string{"spec.ticket: Required value"}},
		{"no ticket", func(o *v1alpha1.PolicyOverride) { o.Spec.Ticket = "" }, []string{"spec.ticket: Required value"}},
		{"no policy", func(o *v1alpha1.PolicyOverride) { o.Spec.Policies = nil }, []string{"spec.policies: Required value"}},
		{"a Mandatory policy", func(o *v1alpha1.PolicyOverride) { o.Spec.Policies[0].Name = "signatures" }, []string{`spec.policies[0].name: Forbidden: policy "signatures" is Mandatory`}},
		{"what does not exist", func(o *v1alpha1.PolicyOverride) {
			o.Spec.Policies = []v1alpha1.OverriddenPolicy{{Name: "other"}, {Name: "limits", Rules: []string{"cpu"}}}
			o.Spec.Scope.Namespaces = []string{"gone"}
		}, []string{`spec.policies[0].name: Not found: "other"`, `spec.policies[1].rules[0]: Not found: "cpu"`, `spec.scope.namespaces[0]: Not found: "gone"`}},
		{"another tenant, and its namespace", func(o *v1alpha1.PolicyOverride) {
			o.Spec.Scope = v1alpha1.OverrideScope{Tenants: []string{"b"}, Namespaces: []string{"b1"}}
		}, []string{"spec.scope.tenants: Forbidden", "spec.scope.namespaces[0]: Forbidden"}},
		{"the same by the platform", func(o *v1alpha1.PolicyOverride) {
			o.Namespace = identity.SystemNamespace
			o.Spec.Scope = v1alpha1.OverrideScope{Tenants: []string{"b"}, Namespaces: []string{"b1"}}
		}, nil},
		{"a second more than the tier allows", func(o *v1alpha1.PolicyOverride) {
			o.Spec.ExpiresAt = metav1.NewTime(o.Spec.ExpiresAt.Add(time.Second))
		}, []string{"tier tier-1 allows overrides of at most 7 days: choose a moment no later than 2026-03-08T12:00:00Z"}},
		{"no end", func(o *v1alpha1.PolicyOverride) { o.Spec.ExpiresAt = metav1.Time{} }, []string{"spec.expiresAt: Required value"}},
		{"approved by the requester", func(o *v1alpha1.PolicyOverride) {
			o.Status.Decision = &v1alpha1.OverrideDecision{Verdict: v1alpha1.VerdictApproved, By: "ann"}
		}, []string{"status.decision.by: Forbidden"}},
		{"approved by nobody", func(o *v1alpha1.PolicyOverride) {
			o.Status.Decision = &v1alpha1.OverrideDecision{Verdict: v1alpha1.VerdictApproved}
		}, []string{"status.decision.by: Required value"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			found := override.Validate(wished(test.change), corporate())
			if len(found) != len(test.want) {
				t.Fatalf("found %v, want %q", found, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(found[i].Error(), want) {
					t.Errorf("found %v, want %q", found[i], want)
				}
			}
		})
	}
}

// granted is in force.
func granted(changes ...func(*v1alpha1.PolicyOverride)) v1alpha1.PolicyOverride {
	return *wished(append([]func(*v1alpha1.PolicyOverride){func(o *v1alpha1.PolicyOverride) {
		o.Status.Decision = &v1alpha1.OverrideDecision{Verdict: v1alpha1.VerdictApproved, By: "bob"}
		o.Status.GrantedAt = new(metav1.NewTime(noon))
	}}, changes...)...)
}

// TestWhatIsCompiled says of overrides whether the ledger has them.
func TestWhatIsCompiled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*v1alpha1.PolicyOverride)
		there  bool
	}{
		"in force":                   {func(*v1alpha1.PolicyOverride) {}, true},
		"of a policy nobody has":     {func(o *v1alpha1.PolicyOverride) { o.Spec.Policies[0].Name = "limits" }, true},
		"undecided":                  {func(o *v1alpha1.PolicyOverride) { o.Status.Decision = nil }, false},
		"rejected":                   {func(o *v1alpha1.PolicyOverride) { o.Status.Decision.Verdict = v1alpha1.VerdictRejected }, false},
		"revoked":                    {func(o *v1alpha1.PolicyOverride) { o.Status.Decision.Verdict = v1alpha1.VerdictRevoked }, false},
		"approved by the requester":  {func(o *v1alpha1.PolicyOverride) { o.Status.Decision.By = "ann" }, false},
		"asked for by nobody":        {func(o *v1alpha1.PolicyOverride) { o.Spec.Requester = "" }, false},
		"not on the trail":           {func(o *v1alpha1.PolicyOverride) { o.Status.GrantedAt = nil }, false},
		"being deleted":              {func(o *v1alpha1.PolicyOverride) { o.DeletionTimestamp = new(metav1.NewTime(noon)) }, false},
		"over this very moment":      {func(o *v1alpha1.PolicyOverride) { o.Spec.ExpiresAt = metav1.NewTime(noon) }, false},
		"over in a second":           {func(o *v1alpha1.PolicyOverride) { o.Spec.ExpiresAt = metav1.NewTime(noon.Add(time.Second)) }, true},
		"of a policy made Mandatory": {func(o *v1alpha1.PolicyOverride) { o.Spec.Policies[0].Name = "signatures" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := granted(test.change)
			ledger := override.Compile([]v1alpha1.PolicyOverride{o}, corporate())
			if there := len(ledger.Spec.Policies) > 0; there != test.there {
				t.Errorf("the ledger has it: %t, want %t", there, test.there)
			}
			if !slices.Equal(ledger.Spec.Mandatory, []string{"signatures"}) || ledger.Spec.Terms["tier-1"].MaxDays != 7 || ledger.Spec.Terms["*"] != override.DefaultTerms() {
				t.Errorf("mandatory %v, terms %v", ledger.Spec.Mandatory, ledger.Spec.Terms)
			}
		})
	}
}

// TestScopeStaysAtHome says where an override holds that names no place.
func TestScopeStaysAtHome(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string][2][]string{
		"a1":                     {{"a"}, {"a1"}},
		"none":                   {{}, {"none"}},
		"unknown":                {{}, {"unknown"}},
		identity.SystemNamespace: {{}, {}},
	} {
		o := granted(func(o *v1alpha1.PolicyOverride) { o.Namespace = namespace })
		entry := override.Compile([]v1alpha1.PolicyOverride{o}, corporate()).Spec.Policies["limits"][0]
		if !slices.Equal(entry.Tenants, want[0]) || !slices.Equal(entry.Namespaces, want[1]) {
			t.Errorf("in %s it is for tenants %v and namespaces %v, want %v", namespace, entry.Tenants, entry.Namespaces, want)
		}
	}
}

// TestControlsAreNotRules: an override of controls waives no rule, in none of the
// ledgers, and is passed on to who judges by a Pod Security Standard.
func TestControlsAreNotRules(t *testing.T) {
	t.Parallel()
	controls := []v1alpha1.PodSecurityControl{{ControlName: "Host Ports", Images: []string{"agent"}, RestrictedField: "spec.containers[*].ports[*].hostPort", Values: []string{"80"}}}
	o := granted(func(o *v1alpha1.PolicyOverride) { o.Spec.PodSecurity = controls })
	whole := granted(func(o *v1alpha1.PolicyOverride) { o.Name = "whole" })
	ledger := override.Compile([]v1alpha1.PolicyOverride{o, whole}, corporate()).Spec
	variables := override.Variables(ledger.Policies["limits"])
	if len(variables) != 1 || !strings.Contains(variables[0].Expression, `"a1/whole\t`) || strings.Contains(variables[0].Expression, `a1/o\t`) {
		t.Errorf("the API server is told %v", variables)
	}
	if variables := override.Variables(ledger.Policies["limits"][:1]); len(variables) != 0 {
		t.Errorf("of controls alone the API server is told %v", variables)
	}
	waivers, err := override.NewWaivers(v1alpha1.OverrideLedgerSpec{Policies: map[string]v1alpha1.Waivers{"limits": ledger.Policies["limits"][:1]}})
	if err != nil {
		t.Fatal(err)
	}
	info, r := policy.Info{Name: "limits"}, &policy.Request{Operation: "CREATE", Namespace: "a1", Name: "web", NamespaceObject: namespaceOf("a1")}
	if name := waivers.Waives(info, "memory", r, noon); name != "" {
		t.Errorf("%s waives the rule", name)
	}
	narrowings := waivers.Narrows(info, "memory", r, noon)
	if len(narrowings) != 1 || narrowings[0].Name != "a1/o" || !narrowings[0].Override || narrowings[0].Controls[0].Values[0] != "80" {
		t.Errorf("the rule is narrowed by %v", narrowings)
	}
	if later := waivers.Narrows(info, "memory", r, o.Spec.ExpiresAt.Time); len(later) != 0 {
		t.Errorf("at its end it still narrows: %v", later)
	}
}

func TestNextEnd(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) func(*v1alpha1.PolicyOverride) {
		return func(o *v1alpha1.PolicyOverride) { o.Spec.ExpiresAt = metav1.NewTime(noon.Add(d)) }
	}
	all := []v1alpha1.PolicyOverride{granted(at(-time.Hour)), granted(at(2 * time.Hour)), granted(at(time.Hour)), *wished(at(time.Minute))}
	if next := override.Next(all, noon); !next.Equal(noon.Add(time.Hour)) {
		t.Errorf("the next end is %v", next)
	}
	if next := override.Next(all[:1], noon); !next.IsZero() {
		t.Errorf("with none in force it is %v", next)
	}
}

// FuzzNames wants every pattern to compile, and one without wildcards to match
// itself and nothing longer.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"web-*", "a.b", "?", "a+(b", `\d`, "[", "é*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		o := granted(func(o *v1alpha1.PolicyOverride) { o.Spec.Scope.Names = []string{pattern} })
		waivers, err := override.NewWaivers(override.Compile([]v1alpha1.PolicyOverride{o}, corporate()).Spec)
		if err != nil {
			t.Fatal(err)
		}
		waives := func(name string) bool {
			r := &policy.Request{Operation: "CREATE", Namespace: "a1", Name: name, NamespaceObject: namespaceOf("a1")}
			return waivers.Waives(policy.Info{Name: "limits"}, "memory", r, noon) != ""
		}
		plain := pattern != "" && utf8.ValidString(pattern) && !strings.ContainsAny(pattern, "*?\n")
		if plain && (!waives(pattern) || waives(pattern+"x") || waives("x"+pattern)) {
			t.Errorf("%q matches itself: %t, more: %t, %t", pattern, waives(pattern), waives(pattern+"x"), waives("x"+pattern))
		}
	})
}
