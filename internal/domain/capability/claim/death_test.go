package claim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// fuses let a controller write so many times in each namespace, and then let
// nothing of it through there any more: for a claim in that namespace it is as if
// the controller had been killed at that moment, once it is ended.
type fuses struct {
	mu    sync.Mutex
	left  map[string]int  // writes, by namespace; none for no bound; guarded by mu
	after map[string]bool // whether the last request arrives, and only its answer does not; guarded by mu
	blown map[string]bool // guarded by mu
}

var errDead = errors.New("the controller is dead")

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (f *fuses) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		dead, last := f.spend(r)
		if !dead {
			return next.RoundTrip(r)
		}
		if !last {
			return nil, errDead
		}
		answer, err := next.RoundTrip(r)
		if err == nil {
			err = answer.Body.Close()
		}
		return nil, errors.Join(errDead, err)
	})
}

// spend takes one write of a namespace's. last says that the request that blows
// the fuse still arrives.
func (f *fuses) spend(r *http.Request) (dead, last bool) {
	_, rest, found := strings.Cut(r.URL.Path, "/namespaces/")
	namespace, what, _ := strings.Cut(rest, "/")
	f.mu.Lock()
	defer f.mu.Unlock()
	left, bound := f.left[namespace]
	if !found || !bound || r.Method == http.MethodGet || strings.HasPrefix(what, "events") {
		return f.blown[namespace], false
	}
	if f.blown[namespace] {
		return true, false
	}
	f.left[namespace] = left - 1
	f.blown[namespace] = left == 0
	return left == 0, f.after[namespace]
}

// reset forgets the dead: another process takes over.
func (f *fuses) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.after, f.blown = map[string]int{}, map[string]bool{}, map[string]bool{}
}

func (f *fuses) light(namespace string, writes int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left[namespace], f.after[namespace] = writes, after
}

func (f *fuses) dead(namespace string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.blown[namespace]
}

// store is something outside the cluster, with a password for each claim.
type store struct {
	mu      sync.Mutex
	kept    map[types.UID]string // guarded by mu
	made    map[types.UID]int    // how often something was made; guarded by mu
	crashes map[string]bool      // the namespaces whose work dies between the store and the answer; guarded by mu
	count   int                  // guarded by mu
	gone    error                // why it cannot be reached; guarded by mu
}

var _ provision.Builtin = (*store)(nil)

func (s *store) Available(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// reached has the store be out of reach, or there again.
func (s *store) reached(gone error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = gone
}

func (*store) Plan(context.Context, provision.Input) (provision.Preview, error) {
	return provision.Preview{ConnectionKeys: []string{"password"}}, nil
}

func (s *store) Ensure(_ context.Context, in provision.Input, previous map[string][]byte) (provision.Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uid := in.Claim.GetUID()
	if _, known := s.kept[uid]; !known {
		s.made[uid]++
	}
	if password := string(previous["password"]); password == "" || s.kept[uid] != password {
		s.count++
		s.kept[uid] = fmt.Sprintf("password-%d", s.count)
	}
	if s.crashes[in.Tenant.Namespace] {
		return provision.Output{}, errDead
	}
	return provision.Output{Ready: true, Connection: map[string][]byte{"password": []byte(s.kept[uid])}}, nil
}

func (s *store) Delete(_ context.Context, in provision.Input, _ provision.DeletionPolicy) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, in.Claim.GetUID())
	if s.crashes[in.Tenant.Namespace] {
		return false, errDead
	}
	return true, nil
}

func (s *store) crash(namespaces ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crashes = map[string]bool{}
	for _, namespace := range namespaces {
		s.crashes[namespace] = true
	}
}

const vaults = `
metadata: {name: vault}
spec:
  description: a password outside the cluster, for tests
  layer: data
  owner: {team: vaults}
  names: {kind: Vault, plural: vaults}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema: {spec: {type: object}}
    connection: {secretKeys: [password]}
    provisioner: {type: Builtin, builtin: {name: vault}}
`

// victim is a claim whose controller dies.
type victim struct {
	claim     *unstructured.Unstructured
	namespace string
	name      string // of the case
}

// TestDeathAtEachPoint kills the controller before and after each of its writes
// for a claim, and while it works outside the cluster. Another one must complete
// each claim, and make nothing twice; and the same when the claims are deleted.
func TestDeathAtEachPoint(t *testing.T) {
	t.Parallel()
	outside := &store{kept: map[types.UID]string{}, made: map[types.UID]int{}}
	p := start(t, map[v1alpha1.ProvisionerType]claim.Factory{
		v1alpha1.ProvisionerBuiltin: claim.Builtins(map[string]provision.Builtin{"vault": outside}),
	})
	p.fuses = &fuses{}
	p.fuses.reset()
	p.wrap = p.fuses.wrap
	p.publish(t, boxes)
	p.publish(t, vaults)
	p.revisions(t, "box", 1)
	p.revisions(t, "vault", 1)
	p.restart(t)
	all := p.victims(t)
	outside.crash("tenant-outside")
	p.die(t, all, outside)
	before := p.uids(t, all)
	outside.crash()
	p.fuses.reset()
	p.restart(t)
	for _, each := range all {
		ready(t, p.admin, each.claim)
	}
	p.judge(t, all, before, outside)
	p.deleteAll(t, all, outside)
	p.deleteUntold(t, outside)
}

// restart has another process take over.
func (p *platform) restart(t *testing.T) {
	t.Helper()
	if err := p.stop(); err != nil {
		t.Fatalf("the controllers ended with: %v", err)
	}
	p.run(t)
}

// How many writes a claim of each kind takes, its account's rights included.
const boxWrites, vaultWrites = 6, 5

// victims makes claims, each with a controller that dies at another moment.
func (p *platform) victims(t *testing.T) []victim {
	t.Helper()
	var all []victim
	add := func(kind, name string, light func(namespace string)) {
		namespace, _ := p.tenant(t, name, "tier-2", "internal")
		light(namespace)
		all = append(all, victim{claimed(t, p.admin, wish(namespace, kind, "one", `{"size":3}`)), namespace, name})
	}
	for kind, writes := range map[string]int{"Box": boxWrites, "Vault": vaultWrites} {
		for n := range writes {
			for word, after := range map[string]bool{"before": false, "after": true} {
				add(kind, fmt.Sprintf("%s-%s-%d", strings.ToLower(kind), word, n), func(namespace string) { p.fuses.light(namespace, n, after) })
			}
		}
	}
	add("Vault", "outside", func(string) {})
	return all
}

// die waits until each victim's controller is dead, and ends it.
func (p *platform) die(t *testing.T, all []victim, outside *store) {
	t.Helper()
	kubetest.Eventually(t, patience, "every controller dies", func() error {
		for _, each := range all {
			if !p.fuses.dead(each.namespace) && each.name != "outside" {
				return fmt.Errorf("%s: it lives", each.name)
			}
		}
		outside.mu.Lock()
		defer outside.mu.Unlock()
		for _, each := range all {
			if each.name == "outside" && outside.made[each.claim.GetUID()] == 0 {
				return errors.New("nothing was made outside")
			}
		}
		return nil
	})
}

// uids are the objects that there are of the victims, by kind and namespace.
func (p *platform) uids(t *testing.T, all []victim) map[string]types.UID {
	t.Helper()
	found := map[string]types.UID{}
	for _, each := range all {
		for _, list := range []client.ObjectList{&corev1.ConfigMapList{}, &corev1.ServiceList{}, &corev1.SecretList{}, &rbacv1.RoleList{}, &rbacv1.RoleBindingList{}} {
			if err := p.admin.List(t.Context(), list, client.InNamespace(each.namespace), client.HasLabels{v1alpha1.LabelRevision}); err != nil {
				t.Fatal(err)
			}
			for i, object := range items(list) {
				found[fmt.Sprintf("%s %T %d", each.namespace, list, i)] = object.GetUID()
			}
		}
	}
	return found
}

func items(list client.ObjectList) []client.Object {
	var all []client.Object
	switch l := list.(type) {
	case *corev1.ConfigMapList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *corev1.ServiceList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *corev1.SecretList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *rbacv1.RoleList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *rbacv1.RoleBindingList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	}
	return all
}

// judge wants each claim to consist of what it should, once, and what was there
// when the controller died to be there still.
func (p *platform) judge(t *testing.T, all []victim, before map[string]types.UID, outside *store) {
	t.Helper()
	now := p.uids(t, all)
	for what, uid := range before {
		if now[what] != uid {
			t.Errorf("%s was made twice", what)
		}
	}
	// A Role, a binding and a Secret each; a Box has a ConfigMap and a Service too.
	want := map[string]int{"Box": 5, "Vault": 3}
	for _, each := range all {
		count := 0
		for what := range now {
			if strings.HasPrefix(what, each.namespace+" ") {
				count++
			}
		}
		if expected := want[each.claim.GetKind()]; count != expected {
			t.Errorf("%s: it consists of %d objects, want %d", each.name, count, expected)
		}
		if deeds := strings.Join(p.deeds(each.namespace), " "); !strings.Contains(deeds, claim.ActionProvision) || !strings.Contains(deeds, "capability.account.grant") {
			t.Errorf("%s: on the trail: %s", each.name, deeds)
		}
		if each.claim.GetKind() == "Vault" {
			p.judgeVault(t, each, outside)
		}
	}
}

// judgeVault wants what is outside the cluster to be there once, with the
// password that the Secret holds.
func (p *platform) judgeVault(t *testing.T, of victim, outside *store) {
	t.Helper()
	secret := &corev1.Secret{}
	if err := p.admin.Get(t.Context(), client.ObjectKey{Namespace: of.namespace, Name: "one-connection"}, secret); err != nil {
		t.Fatal(err)
	}
	outside.mu.Lock()
	defer outside.mu.Unlock()
	uid := of.claim.GetUID()
	if outside.made[uid] != 1 || outside.kept[uid] != string(secret.Data["password"]) {
		t.Errorf("%s: made %d times, with password %q, and the Secret holds %q", of.name, outside.made[uid], outside.kept[uid], secret.Data["password"])
	}
}
