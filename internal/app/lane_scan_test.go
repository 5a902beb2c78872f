package app_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// judged wants the scan to have found what an object from before does wrong.
func (w *laneWorld) judged(t *testing.T) {
	w.found(t, patience, "ConfigMap/settings old/team fail", "Pod/signed require-signed-images/validations[0] pass")
}

// found waits until the results of the shop are among what scans found.
func (w *laneWorld) found(t *testing.T, within time.Duration, want ...string) {
	t.Helper()
	look := w.finds(t, want...)
	kubetest.Eventually(t, within, fmt.Sprintf("a scan finds %q", want), look)
}

// finds looks whether the results of the shop are among what scans found.
func (w *laneWorld) finds(t *testing.T, want ...string) func() error {
	t.Helper()
	db, dialect, err := database.Open(t.Context(), w.history)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // nothing was written
	store, err := history.Open(t.Context(), db, dialect, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	return func() error {
		reports, err := store.Reports(t.Context(), history.Query{Namespace: "shop"})
		if err != nil {
			return err
		}
		found := map[string]bool{}
		for _, report := range reports {
			for _, result := range report.Results {
				found[fmt.Sprintf("%s/%s %s/%s %s", report.Subject.Kind, report.Subject.Name, result.Policy, result.Rule, result.Status)] = true
			}
		}
		for _, each := range want {
			if !found[each] {
				return fmt.Errorf("results %v", found)
			}
		}
		return nil
	}
}

// overridden follows an override that somebody else approves, to its end.
func (w *laneWorld) overridden(t *testing.T) {
	w.put(t, account("vendor"))
	p := decoded(t, &kyvernov1.ClusterPolicy{}, `
metadata: {name: waivable, labels: {policy.roadbed.dev/tier: default}}
spec:
  rules:
  - name: team
    match: {any: [{resources: {kinds: [ServiceAccount], names: [vendor], namespaces: [shop]}}]}
    validate: {failureAction: Enforce, message: a team is missing, pattern: {metadata: {labels: {team: "?*"}}}}
`)
	w.put(t, p)
	w.enforced(t, p, enforce.ReasonLegacy, "")
	again := func() error { // changes the account, which is what an override is for
		now := account("vendor")
		if err := w.env.Client.Get(t.Context(), client.ObjectKeyFromObject(now), now); err != nil {
			return err
		}
		now.Labels = map[string]string{"changed": "yes"}
		return w.env.Client.Update(t.Context(), now, client.DryRunAll)
	}
	kubetest.Eventually(t, patience, "it is refused", func() error {
		if again() == nil {
			return errors.New("it passes")
		}
		return nil
	})
	w.found(t, patience, "ServiceAccount/vendor waivable/team fail")
	end := w.waived(t, again)
	kubetest.Eventually(t, patience, "the use is on the trail, as the scan found it", func() error {
		text, err := os.ReadFile(w.trail)
		if err == nil && !strings.Contains(string(text), "It covers ServiceAccount shop/vendor, which policy waivable is else not content with") {
			err = errors.New("it is not")
		}
		return err
	})
	w.found(t, max(time.Until(end), 0)+patience, "ServiceAccount/vendor waivable/team fail")
	if again() == nil {
		t.Error("an override that ended still waives")
	}
}

// waived has overrides made, each for twice as long as the one before, until one is
// still in force when it was seen to be: how long that takes depends on the machine.
// It returns the end of that one.
func (w *laneWorld) waived(t *testing.T, again func() error) (end time.Time) {
	t.Helper()
	skipped := w.finds(t, "ServiceAccount/vendor waivable/team skip")
	for life := 15 * time.Second; ; life *= 2 {
		end = w.waive(t, fmt.Sprint("vendor-", life), life)
		var missing error
		kubetest.Eventually(t, patience, "scan and admission heed the override, or it is over", func() error {
			missing = errors.Join(skipped(), again())
			if time.Now().After(end) {
				return nil
			}
			return missing
		})
		if missing == nil {
			return end
		}
		t.Logf("an override for %v was too short: %v", life, missing)
	}
}

// waive has ann ask for an override and bob approve it, and returns its end.
func (w *laneWorld) waive(t *testing.T, name string, life time.Duration) (end time.Time) {
	t.Helper()
	o := &policyv1alpha1.PolicyOverride{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: policyv1alpha1.PolicyOverrideSpec{
			Policies:      []policyv1alpha1.OverriddenPolicy{{Name: "waivable"}},
			Justification: "the vendor's chart cannot set labels", Ticket: "CHG-1",
			Scope: policyv1alpha1.OverrideScope{Kinds: []string{"ServiceAccount"}, Names: []string{"vendor"}},
		},
	}
	kubetest.Eventually(t, patience, "ann may ask", func() error {
		end = time.Now().Add(life).Truncate(time.Second)
		o.Spec.ExpiresAt = metav1.NewTime(end)
		return w.by(t, "ann").Create(t.Context(), o.DeepCopy())
	})
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"decision":{"verdict":"Approved"}}}`))
	if err := w.by(t, "bob").Status().Patch(t.Context(), o, patch); err != nil {
		t.Fatal(err)
	}
	return end
}

// by is a client of somebody whose rights are no matter here.
func (w *laneWorld) by(t *testing.T, user string) client.Client {
	t.Helper()
	connection := rest.CopyConfig(w.env.Admin)
	connection.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:masters", "system:authenticated"}}
	c, err := client.New(connection, client.Options{Scheme: w.env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func account(name string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}
