package operator_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// patience is how long tests wait for what takes a moment.
const patience = time.Minute

// sink keeps the last Config.
type sink struct {
	mu     sync.Mutex
	config *gateway.Config // guarded by mu
	count  int             // guarded by mu
}

func (s *sink) Apply(config *gateway.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = config
	s.count++
	return nil
}

func (s *sink) last() (*gateway.Config, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config, s.count
}

// start runs the domain on an API server of the test's own, with Roadbed's rights
// and no others.
func start(t *testing.T) (*kubetest.Env, *sink) {
	t.Helper()
	env := kubetest.Private(t)
	if err := errors.Join(gatewayv1.Install(env.Scheme), v1alpha1.AddToScheme(env.Scheme)); err != nil {
		t.Fatal(err)
	}
	env.InstallCRDs(t)
	env.InstallGatewayCRDs(t)
	create(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: identity.SystemNamespace}})
	create(t, env, rbac.Objects()...)
	host := controllertest.Host(t, env, env.As(t, identity.Roadbed, identity.RoadbedGroups()...), nil)
	served := &sink{}
	deps := operator.Deps{Sink: served, Addresses: []translate.Address{{Bind: netip.MustParseAddr("127.0.0.1")}}}
	if err := operator.New(deps).Setup(host); err != nil {
		t.Fatal(err)
	}
	controllertest.UntilEnd(t, host)
	return env, served
}

func create(t *testing.T, env *kubetest.Env, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := env.Client.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// TestGatewayOnTheRealServer has the article's example accepted, counts writes when
// nothing changes, and has a Subscription issue its key once.
func TestGatewayOnTheRealServer(t *testing.T) {
	t.Parallel()
	env, served := start(t)
	text, err := os.ReadFile(filepath.FromSlash("../../../../examples/gateway/route.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := apply.Decode(env.Scheme, string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		create(t, env, object) // The class comes with the domain.
	}
	route := &gatewayv1.HTTPRoute{}
	await(t, env, client.ObjectKey{Namespace: "platform-gateway", Name: "db-provisioning-v1"}, route, func() bool {
		return len(route.Status.Parents) == 1 && condition.IsTrue(route.Status.Parents[0].Conditions, "Accepted") &&
			condition.IsTrue(route.Status.Parents[0].Conditions, "ResolvedRefs")
	})
	g := &gatewayv1.Gateway{}
	await(t, env, client.ObjectKey{Namespace: "platform-gateway", Name: "platform-public-gateway"}, g, func() bool {
		return condition.IsTrue(g.Status.Conditions, "Programmed") && g.Status.Listeners[0].AttachedRoutes == 1
	})
	class := &gatewayv1.GatewayClass{}
	await(t, env, client.ObjectKey{Name: "roadbed"}, class, func() bool {
		return condition.IsTrue(class.Status.Conditions, "SupportedVersion") && len(class.Status.SupportedFeatures) > 30
	})
	policy := &v1alpha1.RateLimitPolicy{}
	await(t, env, client.ObjectKey{Namespace: "platform-gateway", Name: "rate-limit-100rpm-per-tenant"}, policy, func() bool {
		return policy.Status.Routes == 1 && condition.IsTrue(policy.Status.Conditions, "Accepted")
	})
	if config, _ := served.last(); config.Authorizations["platform-gateway/require-platform-jwt"].Issuers[0].URL == "" {
		t.Error("the cluster's issuer is not known")
	}
	issuesOnce(t, env, served)
	issuesLater(t, env)
}

// issuesLater has a Subscription issue its key once what was in the way is gone.
func issuesLater(t *testing.T, env *kubetest.Env) {
	t.Helper()
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "late-api-key"}}
	subscription := &v1alpha1.Subscription{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "late"}, Spec: v1alpha1.SubscriptionSpec{APIs: []string{"databases"}}}
	create(t, env, theirs, subscription)
	key := client.ObjectKeyFromObject(subscription)
	await(t, env, key, subscription, func() bool {
		c := condition.Get(subscription.Status.Conditions, "Ready")
		return c != nil && c.Reason == operator.ReasonSecretTaken
	})
	if err := env.Client.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	await(t, env, key, subscription, func() bool { return condition.IsTrue(subscription.Status.Conditions, "Ready") })
}

// await reads an object until it is as wanted.
func await(t *testing.T, env *kubetest.Env, key client.ObjectKey, object client.Object, holds func() bool) {
	t.Helper()
	kubetest.Eventually(t, patience, key.String(), func() error {
		if err := env.Client.Get(t.Context(), key, object); err != nil {
			return err
		}
		if !holds() {
			return errors.New("its status is not as wanted yet")
		}
		return nil
	})
}

func issuesOnce(t *testing.T, env *kubetest.Env, served *sink) {
	t.Helper()
	create(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"tenancy.roadbed.dev/tenant": "shop"}}})
	subscription := &v1alpha1.Subscription{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: v1alpha1.SubscriptionSpec{APIs: []string{"databases"}}}
	create(t, env, subscription)
	key := client.ObjectKeyFromObject(subscription)
	await(t, env, key, subscription, func() bool { return condition.IsTrue(subscription.Status.Conditions, "Ready") })
	secret := &corev1.Secret{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web-api-key"}, secret); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(secret.Data[operator.SecretKey])
	hash := hex.EncodeToString(sum[:])
	if got := subscription.Status.Keys[0].Hash; got != hash {
		t.Errorf("the hash is %s, want %s", got, hash)
	}
	kubetest.Eventually(t, patience, "the key is served", func() error {
		if config, _ := served.last(); config.Keys[hash].Tenant != "shop" {
			return errors.New("not yet")
		}
		return nil
	})
	subscription.Spec.Serial++
	if err := env.Client.Update(t.Context(), subscription); err != nil {
		t.Fatal(err)
	}
	await(t, env, key, subscription, func() bool { return len(subscription.Status.Keys) == 2 && subscription.Status.Keys[0].Serial == 2 })
	if old := subscription.Status.Keys[1]; old.Hash != hash || old.ExpiresAt == nil {
		t.Errorf("the old key is %+v, want it to end", old)
	}
	if err := env.Client.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	metav1.SetMetaDataAnnotation(&subscription.ObjectMeta, "test", "look again")
	if err := env.Client.Update(t.Context(), subscription); err != nil {
		t.Fatal(err)
	}
	await(t, env, key, subscription, func() bool {
		c := condition.Get(subscription.Status.Conditions, "Ready")
		return c != nil && c.Reason == operator.ReasonKeyLost
	})
}
