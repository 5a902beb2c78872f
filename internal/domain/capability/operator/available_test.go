package operator_test

import (
	"errors"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// TestAProvisionerComesAndGoes wants a Capability to say that claims of it wait,
// why and until when, while its kind stays served; and nothing written while
// nothing changes.
func TestAProvisionerComesAndGoes(t *testing.T) {
	t.Parallel()
	p := start(t)
	v1 := version("v1", v1alpha1.StageGA, `"size":{"type":"integer"}`)
	v1.Provisioner.Builtin.Name = "tank"
	c := p.publish(t, "basin", v1)
	p.says(t, c, condition.Ready, metav1.ConditionTrue, condition.ReasonReady, "Everything that was asked for is in place.")
	p.says(t, c, capability.ConditionAvailable, metav1.ConditionTrue, capability.ReasonAvailable, "What is claimed is provisioned.")

	why := "there is no water: open the tap"
	p.broken.why.Store(&why)
	p.domain.ProvisionersChanged(t.Context())
	for _, condition := range []string{condition.Ready, capability.ConditionAvailable} {
		p.says(t, c, condition, metav1.ConditionFalse, capability.ReasonProvisionerUnavailable, `Claims wait: provisioner "tank": there is no water: open the tap`)
	}
	p.says(t, c, capability.ConditionServed, metav1.ConditionTrue, capability.ReasonServed, "The API server serves basins.claims.roadbed.dev.")
	namespace := p.place(t, "swimmers", "dev")
	if err := p.client.Create(t.Context(), claim(c, "v1", namespace, "pool", map[string]any{"size": int64(3)})); err != nil {
		t.Errorf("nothing can be claimed while the provisioner is away: %v", err)
	}
	p.settled(t, c)

	p.broken.why.Store(nil)
	p.domain.ProvisionersChanged(t.Context())
	p.says(t, c, condition.Ready, metav1.ConditionTrue, condition.ReasonReady, "Everything that was asked for is in place.")
	p.says(t, c, capability.ConditionAvailable, metav1.ConditionTrue, capability.ReasonAvailable, "What is claimed is provisioned.")
	p.settled(t, c)
}

// says waits until a condition of the Capability is so.
func (p *platform) says(t *testing.T, c *v1alpha1.Capability, kind string, status metav1.ConditionStatus, reason, message string) {
	t.Helper()
	kubetest.Eventually(t, patience, fmt.Sprintf("%s is %s", kind, status), func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			return err
		}
		is := condition.Get(c.Status.Conditions, kind)
		if is == nil || is.Status != status || is.Reason != reason || is.Message != message {
			return fmt.Errorf("it is %+v", is)
		}
		return nil
	})
}

// settled wants passes over a Capability with one claim to write nothing once the
// claim is counted.
func (p *platform) settled(t *testing.T, c *v1alpha1.Capability) {
	t.Helper()
	kubetest.Eventually(t, patience, "the claim is counted", func() error {
		if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
			return err
		}
		if c.Status.Claims != 1 {
			p.domain.ClaimsChanged(c.Name)
			return fmt.Errorf("%d claims", c.Status.Claims)
		}
		return nil
	})
	written := c.ResourceVersion
	for range 3 { // The last begins after the others have ended.
		asked := p.broken.asked.Load()
		p.domain.ProvisionersChanged(t.Context())
		kubetest.Eventually(t, patience, "another pass", func() error {
			if p.broken.asked.Load() == asked {
				return errors.New("the provisioner was not asked")
			}
			return nil
		})
	}
	if err := p.client.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
		t.Fatal(err)
	}
	if c.ResourceVersion != written {
		t.Error("passes that found nothing to change wrote something")
	}
}
