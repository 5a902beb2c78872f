package claim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// deleteAll deletes the claims of vaults while the controller dies before and
// after it lets go of them, and inside its work; another one must end them.
func (p *platform) deleteAll(t *testing.T, all []victim, outside *store) {
	t.Helper()
	outside.crash("tenant-outside")
	var doomed []victim
	for _, each := range all {
		if each.claim.GetKind() != "Vault" {
			continue
		}
		if each.name != "outside" {
			p.fuses.light(each.namespace, 0, strings.Contains(each.name, "after"))
		}
		doomed = append(doomed, each)
		if err := p.admin.Delete(t.Context(), each.claim); err != nil {
			t.Fatal(err)
		}
	}
	p.die(t, doomed, outside)
	outside.crash()
	p.fuses.reset()
	p.restart(t)
	kubetest.Eventually(t, patience, "every claim is gone", func() error {
		for _, each := range doomed {
			if err := p.admin.Get(t.Context(), client.ObjectKeyFromObject(each.claim), each.claim); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%s is there: %w", each.name, err)
			}
		}
		return nil
	})
	outside.mu.Lock()
	defer outside.mu.Unlock()
	if len(outside.kept) > 0 {
		t.Errorf("left outside the cluster: %v", outside.kept)
	}
}

// deleteUntold deletes a claim whose only pass died before the claim could say what
// was made, while its store is out of reach: the claim stays until nothing is left.
func (p *platform) deleteUntold(t *testing.T, outside *store) {
	t.Helper()
	namespace, _ := p.tenant(t, "untold", "tier-2", "internal")
	p.fuses.light(namespace, vaultWrites-2, false)
	untold := claimed(t, p.admin, wish(namespace, "Vault", "one", `{"size":3}`))
	p.die(t, []victim{{untold, namespace, "untold"}}, outside)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	outside.reached(errors.New("the store is out of reach"))
	if err := p.admin.Delete(t.Context(), untold); err != nil {
		t.Fatal(err)
	}
	p.fuses.reset()
	p.run(t)
	conditioned(t, p.admin, untold, condition.Ready, claim.ReasonUnavailable, "out of reach")
	outside.reached(nil)
	p.restart(t)
	kubetest.Eventually(t, patience, "the claim is gone", func() error {
		if err := p.admin.Get(t.Context(), client.ObjectKeyFromObject(untold), untold); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
	outside.mu.Lock()
	defer outside.mu.Unlock()
	if outside.made[untold.GetUID()] != 1 || len(outside.kept) > 0 {
		t.Errorf("made %d times, left %v", outside.made[untold.GetUID()], outside.kept)
	}
}
