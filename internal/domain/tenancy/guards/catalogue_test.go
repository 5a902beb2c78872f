package guards_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
)

func TestCatalogueListsEverySource(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, guard := range guards.All() {
		listed = append(listed, guard.Name+".yaml")
	}
	slices.Sort(listed)
	if !slices.Equal(files, listed) {
		t.Errorf("sources %v, catalogue %v", files, listed)
	}
}

func TestGuardsAreAPolicyAndItsBinding(t *testing.T) {
	t.Parallel()
	for _, guard := range guards.All() {
		if len(guard.Objects) != 2 {
			t.Errorf("%s has %d objects, want a policy and its binding", guard.Name, len(guard.Objects))
			continue
		}
		name := "roadbed-" + guard.Name
		for _, object := range guard.Objects {
			if object.GetName() != name {
				t.Errorf("%s: %T is named %q, want %q", guard.Name, object, object.GetName(), name)
			}
		}
		switch binding := guard.Objects[1].(type) {
		case *admissionv1.ValidatingAdmissionPolicyBinding:
			if binding.Spec.PolicyName != name || !slices.Equal(binding.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Deny}) {
				t.Errorf("%s: the binding does not deny for the policy: %+v", guard.Name, binding.Spec)
			}
		case *admissionv1.MutatingAdmissionPolicyBinding:
			if binding.Spec.PolicyName != name {
				t.Errorf("%s: the binding is of policy %q", guard.Name, binding.Spec.PolicyName)
			}
		default:
			t.Errorf("%s: second object is a %T, want a binding", guard.Name, binding)
		}
	}
}

// fieldOf is the field that a refusal may begin with.
var fieldOf = regexp.MustCompile(`^"?spec[.][A-Za-z.\[\]]+: `)

// TestRefusalsHelp wants of every refusal what the style asks of an error: that
// it fails closed, is Forbidden, and says what to do after a colon.
func TestRefusalsHelp(t *testing.T) {
	t.Parallel()
	for _, policy := range policies() {
		if policy.Spec.FailurePolicy == nil || *policy.Spec.FailurePolicy != admissionv1.Fail {
			t.Errorf("%s does not fail closed", policy.Name)
		}
		for _, rule := range policy.Spec.Validations {
			if rule.Reason == nil || *rule.Reason != metav1.StatusReasonForbidden {
				t.Errorf("%s: reason is not Forbidden: %s", policy.Name, rule.Expression)
			}
			text := fieldOf.ReplaceAllString(rule.Message+rule.MessageExpression, "")
			if what, todo, found := strings.Cut(text, ":"); !found || len(strings.TrimSpace(what)) < 20 || len(strings.TrimSpace(todo)) < 10 {
				t.Errorf("%s: a refusal does not say what, why, and what to do: %q", policy.Name, text)
			}
			if strings.Contains(rule.Message, "\n") {
				t.Errorf("%s: a refusal has more than one line: %q", policy.Name, rule.Message)
			}
		}
	}
}

// TestGuardsCostOthersNothing wants every guard of namespaced kinds to look at
// tenants' namespaces alone, and to find that out last: the API server parses a
// policy's own selectors for each request of whatever kind.
func TestGuardsCostOthersNothing(t *testing.T) {
	t.Parallel()
	narrowed := map[string]bool{}
	for _, object := range guards.Objects(false) {
		if binding, ok := object.(*admissionv1.ValidatingAdmissionPolicyBinding); ok {
			chosen := binding.Spec.MatchResources
			narrowed[binding.Spec.PolicyName] = chosen != nil && chosen.NamespaceSelector != nil
		}
	}
	for _, policy := range policies() {
		matched := policy.Spec.MatchConstraints
		if matched.NamespaceSelector != nil || matched.ObjectSelector != nil {
			t.Errorf("%s: has a selector, which belongs to the binding", policy.Name)
		}
		for _, rule := range matched.ResourceRules {
			namespaced := rule.Scope != nil && *rule.Scope == admissionv1.NamespacedScope
			if rule.Scope == nil {
				t.Errorf("%s: a rule has no scope: %v", policy.Name, rule.Resources)
			}
			if namespaced && !narrowed[policy.Name] {
				t.Errorf("%s: looks at %v in every namespace", policy.Name, rule.Resources)
			}
		}
	}
}

func policies() []*admissionv1.ValidatingAdmissionPolicy {
	var found []*admissionv1.ValidatingAdmissionPolicy
	for _, object := range guards.Objects(false) {
		if policy, ok := object.(*admissionv1.ValidatingAdmissionPolicy); ok {
			found = append(found, policy)
		}
	}
	return found
}

func TestStaticManifestsAreTheCore(t *testing.T) {
	t.Parallel()
	var core []string
	for _, guard := range guards.All() {
		if guard.Core {
			core = append(core, "roadbed-"+guard.Name+".yaml")
		}
	}
	var files []string
	for _, manifest := range guards.Static() {
		files = append(files, manifest.Name)
		checkStatic(t, manifest)
	}
	if !slices.Equal(files, core) {
		t.Errorf("files %v, want the core %v", files, core)
	}
	for _, object := range guards.Objects(true) {
		if slices.Contains(core, object.GetName()+".yaml") {
			t.Errorf("%s is both a file and an object", object.GetName())
		}
	}
}

// checkStatic holds a file against Kubernetes' rule for static manifests.
func checkStatic(t *testing.T, manifest guards.StaticManifest) {
	t.Helper()
	for document := range bytes.SplitSeq(manifest.Data, []byte("\n---\n")) {
		var object struct {
			APIVersion string            `json:"apiVersion"`
			Metadata   metav1.ObjectMeta `json:"metadata"`
			Spec       struct {
				PolicyName string `json:"policyName"`
				ParamKind  any    `json:"paramKind"`
				ParamRef   any    `json:"paramRef"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatalf("%s: %v", manifest.Name, err)
		}
		const suffix = ".static.k8s.io"
		bound := object.Spec.PolicyName == "" || strings.HasSuffix(object.Spec.PolicyName, suffix)
		if !strings.HasSuffix(object.Metadata.Name, suffix) || !bound {
			t.Errorf("%s: names %q and %q must end in %s", manifest.Name, object.Metadata.Name, object.Spec.PolicyName, suffix)
		}
		if object.APIVersion != "admissionregistration.k8s.io/v1" || object.Spec.ParamKind != nil || object.Spec.ParamRef != nil {
			t.Errorf("%s: %s is not of v1 or has parameters", manifest.Name, object.Metadata.Name)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, guard := range guards.All(guards.WithGates(guards.GateIsolationModels)) {
		if guard.Gate != "" {
			t.Errorf("%s is there although its gate is open", guard.Name)
		}
	}
	platform := guards.DefaultPlatform()
	platform.IngressNamespace, platform.ClusterCIDRs = "edge", []string{"10.244.0.0/16"}
	for _, manifest := range guards.Static(guards.WithPlatform(platform)) {
		if manifest.Name != "roadbed-network-peers.yaml" {
			continue
		}
		for _, want := range []string{"'edge'", "'10.244.0.0/16'"} {
			if !bytes.Contains(manifest.Data, []byte(want)) {
				t.Errorf("%s does not know %s", manifest.Name, want)
			}
		}
	}
}

// TestSourcesUseTheAuthoritysKeys wants every key under our prefix that a
// source names to be one that the API knows.
func TestSourcesUseTheAuthoritysKeys(t *testing.T) {
	t.Parallel()
	known, err := os.ReadFile("../../../../api/tenancy/v1alpha1/labels.go")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`tenancy\.roadbed\.dev/([A-Za-z-]+)`)
	for _, object := range guards.Objects(false) {
		source, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range key.FindAllStringSubmatch(string(source), -1) {
			if !bytes.Contains(known, []byte(`"`+match[1]+`"`)) && !bytes.Contains(known, []byte(`"`+match[0]+`"`)) {
				t.Errorf("%s names %s, which api/tenancy/v1alpha1 does not", object.GetName(), match[0])
			}
		}
	}
}
