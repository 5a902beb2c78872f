package enforce

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/authn/authntest"
)

var cluster = Cluster{Issuer: "https://kubernetes", Audience: "platform-api"}

func TestClusterIsTheDefaultIssuer(t *testing.T) {
	t.Parallel()
	made, mistakes := Authorization(&v1alpha1.AuthorizationPolicy{}, cluster)
	if len(mistakes) > 0 || len(made.Issuers) != 1 || !made.Issuers[0].Cluster || made.Issuers[0].URL != cluster.Issuer ||
		made.Issuers[0].Audiences[0] != cluster.Audience {
		t.Errorf("issuers are %+v (%v)", made.Issuers, mistakes)
	}
	if !made.RequireTenant || made.Anonymous || made.ClientCertificates || made.APIKeys {
		t.Errorf("an empty policy lets in more than the cluster's own: %+v", made)
	}
	if made.PassToken {
		t.Error("an empty policy gives backends the tokens")
	}
	passing := &v1alpha1.AuthorizationPolicy{Spec: v1alpha1.AuthorizationPolicySpec{TokenToBackend: "Passed"}}
	if made, _ := Authorization(passing, cluster); !made.PassToken {
		t.Error("a policy that says so does not give backends the tokens")
	}
}

func TestKeysAlone(t *testing.T) {
	t.Parallel()
	policy := &v1alpha1.AuthorizationPolicy{Spec: v1alpha1.AuthorizationPolicySpec{APIKeys: &v1alpha1.APIKeys{}}}
	if made, _ := Authorization(policy, cluster); len(made.Issuers) != 0 || !made.APIKeys || made.APIKeyHeader != "x-api-key" {
		t.Errorf("policy is %+v", made)
	}
}

// TestIssuerIsTakenOverWhole wants each field of a foreign issuer to be in the Config.
func TestIssuerIsTakenOverWhole(t *testing.T) {
	t.Parallel()
	authority := string(authntest.NewIssuer(t, authntest.NewSigner(t, "one")).Authority())
	made, mistakes := Authorization(&v1alpha1.AuthorizationPolicy{Spec: v1alpha1.AuthorizationPolicySpec{Issuers: []v1alpha1.TokenIssuer{{
		Type: "OIDC", URL: "https://issuer", Audiences: []string{"a"}, Algorithms: []string{"ES256"},
		TenantClaim: "org.tenant", GroupsClaim: "groups", GroupsPrefix: "corp:", MaxStale: &metav1.Duration{Duration: time.Hour},
		JWKS: &v1alpha1.KeySet{URI: "https://keys", Inline: `{"keys":[{}]}`, CABundle: authority},
	}}}}, cluster)
	want := []gateway.Issuer{{
		URL: "https://issuer", Audiences: []string{"a"}, Algorithms: []string{"ES256"},
		TenantClaim: "org.tenant", Groups: "groups", GroupsPrefix: "corp:", MaxStale: time.Hour,
		JWKS: "https://keys", Inline: []byte(`{"keys":[{}]}`), CABundle: []byte(authority),
	}}
	if diff := cmp.Diff(want, made.Issuers); diff != "" || len(mistakes) > 0 {
		t.Errorf("issuers (-want +got):\n%s%v", diff, mistakes)
	}
	for field, value := range reflect.ValueOf(made.Issuers[0]).Fields() {
		if field.Name != "Cluster" && value.IsZero() {
			t.Errorf("%s is not taken over", field.Name)
		}
	}
}

func TestUnreadableKeysLetNobodyIn(t *testing.T) {
	t.Parallel()
	for _, keys := range []v1alpha1.KeySet{{Inline: "{}"}, {Inline: "no JSON"}, {URI: "https://keys", CABundle: "no PEM"}} {
		policy := &v1alpha1.AuthorizationPolicy{Spec: v1alpha1.AuthorizationPolicySpec{
			Issuers: []v1alpha1.TokenIssuer{{URL: "https://issuer", Audiences: []string{"a"}, JWKS: &keys}},
		}}
		if made, mistakes := Authorization(policy, cluster); len(made.Issuers) != 0 || len(mistakes) != 1 {
			t.Errorf("with %+v the issuers are %+v, the mistakes %v", keys, made.Issuers, mistakes)
		}
	}
}

func TestLimitDefaults(t *testing.T) {
	t.Parallel()
	policy := &v1alpha1.RateLimitPolicy{Spec: v1alpha1.RateLimitPolicySpec{Requests: 7, Overrides: []v1alpha1.LimitOverride{{Tenant: "t", Requests: 9}}}}
	made := RateLimit(policy)
	if made.Requests != 7 || made.Unit != time.Minute || made.Scope != gateway.PerTenant || made.Failure != gateway.FailLocal || made.Overrides["t"] != 9 {
		t.Errorf("limit is %+v", made)
	}
}
