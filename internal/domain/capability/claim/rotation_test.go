package claim_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// rotating is a provisioner whose password is another each day of its clock.
type rotating struct{ clock *testclock.FakePassiveClock }

var _ provision.Builtin = rotating{}

func (rotating) Available(context.Context) error { return nil }

func (rotating) Plan(context.Context, provision.Input) (provision.Preview, error) {
	return provision.Preview{ConnectionKeys: []string{"password"}}, nil
}

func (r rotating) Ensure(context.Context, provision.Input, map[string][]byte) (provision.Output, error) {
	return provision.Output{Ready: true, Connection: map[string][]byte{"password": []byte(r.clock.Now().Format(time.DateOnly))}}, nil
}

func (rotating) Delete(context.Context, provision.Input, provision.DeletionPolicy) (bool, error) {
	return true, nil
}

// daily is the provisioner of testRotation.
var daily = rotating{testclock.NewFakePassiveClock(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}

const safes = `
metadata: {name: safe}
spec:
  description: a password that changes each day, for tests
  layer: data
  owner: {team: vaults}
  names: {kind: Safe, plural: safes}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema: {spec: {type: object}}
    connection: {secretKeys: [password]}
    provisioner: {type: Builtin, builtin: {name: safe}}
`

// testRotation: what is outside the cluster is looked at again within the hour,
// unasked, and a password that is due by then comes into the Secret.
func testRotation(t *testing.T, p *platform) {
	p.publish(t, safes)
	namespace, dev := p.tenant(t, "rotation", "tier-2", "internal")
	made := claimed(t, dev, wish(namespace, "Safe", "one", `{}`))
	ready(t, dev, made)
	again := func(want string) {
		t.Helper()
		engine, secret := p.supervisor.EngineOf("safe"), &corev1.Secret{}
		kubetest.Eventually(t, patience, "the password is "+want, func() error {
			result, err := engine.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(made)})
			if err != nil || result.RequeueAfter <= 0 || result.RequeueAfter >= time.Hour {
				return fmt.Errorf("looked at again after %s: %w", result.RequeueAfter, err)
			}
			if err := dev.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "one-connection"}, secret); err != nil || string(secret.Data["password"]) != want {
				return fmt.Errorf("it is %q: %w", secret.Data["password"], err)
			}
			return nil
		})
	}
	again("2026-11-23")
	daily.clock.SetTime(daily.clock.Now().Add(24 * time.Hour))
	again("2026-11-24")
}
