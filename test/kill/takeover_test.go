package kill

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/test/server"
)

// lease is how long the copy that stands by waits for the other. A copy that cannot
// renew it in two thirds of that gives up, which a busy machine must not bring about.
const lease = 10 * time.Second

// TestStandbyTakesOver runs two servers, of which one works. That one is killed
// with -9: the other finishes what it left and goes on.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	env := kubetest.Private(t)
	err := app.Install(t.Context(), app.InstallOptions{
		Config: env.Admin, Webhook: app.WebhookLoopback, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Create(t.Context(), aUnit()); err != nil {
		t.Fatal(err)
	}
	roadbed := env.As(t, identity.Roadbed, identity.RoadbedGroups()...)
	working := startCopy(t, roadbed, "127.0.0.2")
	onboarded(t, env.Client, 1)
	standing := startCopy(t, roadbed, "127.0.0.3")
	onboarded(t, env.Client, 2)
	if standing.acts(t) {
		t.Fatal("the copy that stands by acts beside the one that works")
	}

	working.Kill()
	killed := time.Now()
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-team-01-test", Name: tenancy.PolicyDefaultDeny}}
	if err := env.ClientAs(t, identity.Roadbed, "system:masters").Delete(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	onboarded(t, env.Client, 3)
	t.Logf("a tenant is ready %v after the kill, with a lease of %v", time.Since(killed).Round(time.Millisecond), lease)
	kubetest.Eventually(t, patience, "what nobody watched over is repaired", func() error {
		return env.Client.Get(t.Context(), client.ObjectKeyFromObject(policy), policy)
	})
	if !standing.acts(t) {
		t.Error("who has done that?")
	}
}

// copyOf is a server that runs beside another.
type copyOf struct {
	*server.Process
	dir string
}

// startCopy starts a server and waits until it is ready to work or to take over. Its
// gateway has an address of its own, as in a pod.
func startCopy(t *testing.T, roadbed *rest.Config, address string) copyOf {
	t.Helper()
	dir := t.TempDir()
	process, err := server.Start(server.Config{Cluster: roadbed, Dir: dir, Lease: lease, Gateway: netip.MustParseAddr(address)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := process.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return copyOf{process, dir}
}

// acts says whether anything is on the server's own trail.
func (c copyOf) acts(t *testing.T) bool {
	t.Helper()
	records, err := os.ReadFile(filepath.Join(c.dir, "trail.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return len(records) > 0
}

// onboarded makes a tenant and waits until it is ready.
func onboarded(t *testing.T, c client.Client, number int) {
	t.Helper()
	wanted := aTenant(number)
	if err := c.Create(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, wanted.Name+" is ready", func() error {
		var now v1alpha1.Tenant
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(wanted), &now); err != nil {
			return err
		}
		if !condition.IsTrue(now.Status.Conditions, condition.Ready) {
			return fmt.Errorf("conditions %+v", now.Status.Conditions)
		}
		return nil
	})
}
