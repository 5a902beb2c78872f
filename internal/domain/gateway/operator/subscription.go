package operator

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// SecretKey is the key of a Subscription's Secret that has the API key.
const SecretKey = "api-key"

// serialAnnotation says on a Secret which key it has.
const serialAnnotation = "gateway.roadbed.dev/serial"

// keyPrefix begins every API key, so that scanners for leaked secrets know it.
const keyPrefix = "rbk_"

// subscriptions issues API keys.
type subscriptions struct {
	// secrets has no cache: what it keeps would be read back from all Secrets of the
	// cluster, which Roadbed may not list.
	secrets client.Client
	clock   clock.PassiveClock
}

func setupSubscriptions(host *module.Host) error {
	mgr := host.Manager
	secrets, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient()})
	if err != nil {
		return fmt.Errorf("make the client for the Secrets of Subscriptions: %w", err)
	}
	c := &subscriptions{secrets: secrets, clock: host.Clock}
	runner := steps.New(mgr.GetClient(), func() *v1alpha1.Subscription { return &v1alpha1.Subscription{} }, steps.Options{
		Name: subscriptionName, Clock: host.Clock, Recorder: mgr.GetEventRecorder(subscriptionName), Liveness: host.Liveness, Log: host.Log,
	}, []steps.Step[*v1alpha1.Subscription]{{Condition: ConditionIssued, Run: c.issue}})
	return runner.Setup(mgr, nil)
}

// grantPause is how soon a right is looked for again that is being given.
const grantPause = 200 * time.Millisecond

// takenPause is how soon a Secret that is in the way is looked for again: nobody
// watches it.
const takenPause = 10 * time.Second

// secretOf is the Secret that a Subscription has or asks for.
func secretOf(s *v1alpha1.Subscription) string {
	return cmp.Or(s.Spec.SecretName, s.Name+"-api-key")
}

// issue sees that the key that is asked for is in its Secret, once.
func (c *subscriptions) issue(ctx context.Context, s *v1alpha1.Subscription) steps.Result {
	now := c.clock.Now()
	name := secretOf(s)
	s.Status.Keys = current(s.Status.Keys, now)
	if ends := s.Spec.ExpiresAt; ends != nil && !now.Before(ends.Time) {
		s.Status.Keys = nil
		return steps.Blocked(ReasonExpired, fmt.Sprintf("The key expired at %s: set a later spec.expiresAt, or delete the Subscription.", ends.UTC().Format(time.RFC3339)))
	}
	secret := &corev1.Secret{}
	err := c.secrets.Get(ctx, types.NamespacedName{Namespace: s.Namespace, Name: name}, secret)
	if apierrors.IsForbidden(err) {
		return steps.Waiting(ReasonGranting, fmt.Sprintf("Roadbed is given the right to Secret %q.", name), grantPause).Briefly()
	}
	if client.IgnoreNotFound(err) != nil {
		return steps.Failed(ReasonWriteFailed, fmt.Errorf("read Secret %q: %w", name, err))
	}
	absent := apierrors.IsNotFound(err)
	if !absent && !metav1.IsControlledBy(secret, s) {
		taken := steps.Blocked(ReasonSecretTaken, fmt.Sprintf("Secret %q is not this Subscription's: delete it, or make another Subscription with another spec.secretName.", name))
		taken.After = takenPause
		return taken
	}
	s.Status.Secret = name
	issued := len(s.Status.Keys) > 0 && s.Status.Keys[0].Serial == s.Spec.Serial
	switch {
	case issued && absent:
		return steps.Blocked(ReasonKeyLost, fmt.Sprintf("Secret %q was deleted, and a key cannot be read again: raise spec.serial to get another one.", name))
	case issued:
		return c.done(s, now)
	}
	key := string(secret.Data[SecretKey])
	if absent || secret.Annotations[serialAnnotation] != strconv.FormatInt(s.Spec.Serial, 10) || key == "" {
		if key, err = c.write(ctx, s, secret, name, absent); err != nil {
			return steps.Failed(ReasonWriteFailed, fmt.Errorf("write Secret %q: %w", name, err))
		}
	}
	c.remember(s, key, now)
	return c.done(s, now)
}

// done says so, and when the next thing is to do.
func (c *subscriptions) done(s *v1alpha1.Subscription, now time.Time) steps.Result {
	result := steps.Done(ReasonIssued, fmt.Sprintf("The API key is in Secret %q, under %s.", s.Status.Secret, SecretKey))
	for _, moment := range append([]*metav1.Time{s.Spec.ExpiresAt}, ends(s.Status.Keys)...) {
		if moment != nil && (result.After == 0 || moment.Sub(now) < result.After) {
			result.After = max(moment.Sub(now), time.Second)
		}
	}
	return result
}

func ends(keys []v1alpha1.SubscriptionKey) []*metav1.Time {
	var all []*metav1.Time
	for i := range keys {
		all = append(all, keys[i].ExpiresAt)
	}
	return all
}

// current are the keys that are still taken.
func current(keys []v1alpha1.SubscriptionKey, now time.Time) []v1alpha1.SubscriptionKey {
	var still []v1alpha1.SubscriptionKey
	for _, key := range keys {
		if key.ExpiresAt == nil || now.Before(key.ExpiresAt.Time) {
			still = append(still, key)
		}
	}
	return still
}

// write puts a new key into the Secret.
func (c *subscriptions) write(ctx context.Context, s *v1alpha1.Subscription, secret *corev1.Secret, name string, absent bool) (string, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	key := keyPrefix + base64.RawURLEncoding.EncodeToString(random)
	secret.Namespace, secret.Name = s.Namespace, name
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, serialAnnotation, strconv.FormatInt(s.Spec.Serial, 10))
	secret.Data = map[string][]byte{SecretKey: []byte(key)}
	if !absent {
		return key, c.secrets.Update(ctx, secret)
	}
	secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s, v1alpha1.GroupVersion.WithKind("Subscription"))}
	return key, c.secrets.Create(ctx, secret)
}

// remember puts the hash of a key first, and lets the one before it end.
func (c *subscriptions) remember(s *v1alpha1.Subscription, key string, now time.Time) {
	sum := sha256.Sum256([]byte(key))
	keys := []v1alpha1.SubscriptionKey{{Serial: s.Spec.Serial, Hash: hex.EncodeToString(sum[:])}}
	if len(s.Status.Keys) > 0 {
		old := s.Status.Keys[0]
		overlap := time.Hour
		if s.Spec.Overlap != nil {
			overlap = s.Spec.Overlap.Duration
		}
		old.ExpiresAt = &metav1.Time{Time: now.Add(overlap).Truncate(time.Second)}
		keys = append(keys, old)
	}
	s.Status.Keys = keys
}
