package kill

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	capabilityv1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// judge looks at everything that there is of the claims.
func (s *claimSiege) judge(t *testing.T) {
	t.Helper()
	// The garbage collector learns of new kinds every half minute.
	kubetest.Eventually(t, 2*patience, "nothing is there twice or left over", func() error { return s.counted(t) })
	newest := s.revisions(t)
	for _, each := range s.claims {
		if each.ended {
			continue
		}
		live := each.object()
		if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
			t.Fatal(err)
		}
		s.judgeRevision(t, each, live, newest)
		s.judgeContent(t, each)
	}
	s.judgeOutside(t)
	s.judgeTrail(t)
}

// counted compares what is labelled as made for claims with what they consist of.
func (s *claimSiege) counted(t *testing.T) error {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	for _, each := range s.claims {
		if each.ended {
			continue
		}
		want["Secret "+string(each.uid)]++
		if each.kind == "Box" {
			want["ConfigMap "+string(each.uid)]++
			want["Service "+string(each.uid)]++
		}
	}
	for _, kind := range []string{"ConfigMap", "Service", "Secret"} {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("v1")
		list.SetKind(kind + "List")
		if err := s.client.List(t.Context(), list, client.HasLabels{capabilityv1.LabelClaimUID}); err != nil {
			return err
		}
		for i := range list.Items {
			got[kind+" "+list.Items[i].GetLabels()[capabilityv1.LabelClaimUID]]++
		}
	}
	if !maps.Equal(want, got) {
		maps.DeleteFunc(got, func(what string, n int) bool { return want[what] == n })
		return fmt.Errorf("there is %v beside what should be", got)
	}
	return nil
}

// revisions are the newest and the first of each capability.
func (s *claimSiege) revisions(t *testing.T) map[string][]*capabilityv1.CapabilityRevision {
	t.Helper()
	var list capabilityv1.CapabilityRevisionList
	if err := s.client.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	found := map[string][]*capabilityv1.CapabilityRevision{}
	for i := range list.Items {
		of := list.Items[i].Spec.Capability
		found[of] = append(found[of], &list.Items[i])
	}
	for _, each := range found {
		slices.SortFunc(each, func(a, b *capabilityv1.CapabilityRevision) int { return int(a.Spec.Number - b.Spec.Number) })
	}
	if len(found["box"]) != 2 || len(found["vault"]) != 1 {
		t.Errorf("there are %d revisions of boxes and %d of vaults, want 2 and 1", len(found["box"]), len(found["vault"]))
	}
	return found
}

// judgeRevision wants a claim to be rendered by the newest revision, or by the first
// where it is pinned to that, with exactly the rights that the revision gives.
func (s *claimSiege) judgeRevision(t *testing.T, of *wanted, live *unstructured.Unstructured, known map[string][]*capabilityv1.CapabilityRevision) {
	t.Helper()
	all := known[strings.ToLower(of.kind)]
	chosen := all[len(all)-1]
	if of.pinned {
		chosen = all[0]
	}
	if said, _, _ := unstructured.NestedString(live.Object, "status", "revision"); said != chosen.Name {
		t.Errorf("%s %s is rendered by %q, want %q", of.kind, of.name, said, chosen.Name)
	}
	rights := account.Rights(chosen, of.namespace, true)
	role, binding := &rbacv1.Role{}, &rbacv1.RoleBinding{}
	for i, object := range []client.Object{role, binding} {
		if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(rights[i]), object); err != nil {
			t.Fatal(err)
		}
	}
	if !equality.Semantic.DeepEqual(role.Rules, rights[0].(*rbacv1.Role).Rules) || !equality.Semantic.DeepEqual(binding.Subjects, rights[1].(*rbacv1.RoleBinding).Subjects) {
		t.Errorf("the account of %s in %s has %v, bound to %v", of.kind, of.namespace, role.Rules, binding.Subjects)
	}
}

// judgeContent wants what a claim consists of to be as it was wanted last.
func (s *claimSiege) judgeContent(t *testing.T, of *wanted) {
	t.Helper()
	secret := &corev1.Secret{}
	if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: of.namespace, Name: of.name + "-connection"}, secret); err != nil {
		t.Fatal(err)
	}
	if of.kind == "Vault" {
		s.outside.mu.Lock()
		defer s.outside.mu.Unlock()
		if password := string(secret.Data["password"]); password == "" || password != s.outside.kept[string(of.uid)] {
			t.Errorf("the Secret of vault %s holds %q, and the vault %q", of.name, password, s.outside.kept[string(of.uid)])
		}
		return
	}
	settings := &corev1.ConfigMap{}
	if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: of.namespace, Name: of.name}, settings); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"size": strconv.Itoa(of.size), "host": of.name + ".team-00"}
	if !of.pinned {
		want["edition"] = "2"
	}
	if !maps.Equal(settings.Data, want) || string(secret.Data["host"]) != want["host"] {
		t.Errorf("box %s consists of %v and host %q, want %v", of.name, settings.Data, secret.Data["host"], want)
	}
}

// judgeOutside wants one thing outside the cluster for each claim that is there,
// made once, and none for others.
func (s *claimSiege) judgeOutside(t *testing.T) {
	t.Helper()
	s.outside.mu.Lock()
	defer s.outside.mu.Unlock()
	want := map[string]bool{}
	for _, each := range s.claims {
		if uid := string(each.uid); each.kind == "Vault" && !each.ended {
			want[uid] = true
			if s.outside.made[uid] != 1 {
				t.Errorf("what vault %s has outside was made %d times", each.name, s.outside.made[uid])
			}
		}
	}
	for uid := range s.outside.kept {
		if !want[uid] {
			t.Errorf("outside the cluster %s is left over", uid)
		}
	}
	if len(s.outside.revived) > 0 {
		t.Errorf("made again after their end: %v", s.outside.revived)
	}
}

// judgeTrail wants every line of the trail to be whole, and what was done to each
// claim to be on it.
func (s *claimSiege) judgeTrail(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "trail.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var r trail.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("the trail has %q: %v", line, err)
		}
		done[r.Action+" "+r.Object.Kind+" "+r.Object.Namespace+"/"+r.Object.Name]++
	}
	s.outside.mu.Lock()
	defer s.outside.mu.Unlock()
	for _, each := range s.claims {
		name := " " + each.kind + " " + each.namespace + "/" + each.name
		made := s.outside.made[string(each.uid)] > 0
		if done[claim.ActionProvision+name] == 0 && (!each.ended || made) {
			t.Errorf("the trail does not say that%s was provisioned", name)
		}
		if each.ended && made && done[claim.ActionDeprovision+name] == 0 {
			t.Errorf("the trail does not say that%s was ended", name)
		}
	}
}
