package kill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	capabilityv1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/test/server"
)

const (
	// usualKills is how many times the server dies in the test of claims, unless
	// the environment variable ROADBED_KILLS says otherwise.
	usualKills = 8
	// mostWrites is the most writes for claims that a server lives to make.
	mostWrites = 16
)

// TestNoClaimIsLost makes, changes and gives up claims of objects in the cluster
// and of something outside of it, publishes a revision in between, and kills the
// server with -9 again and again: before and after a write, in the middle of what
// it does outside, and at rest. In the end every claim is as it was wanted last,
// nothing is there twice or left over, and everything that was done is on the trail.
func TestNoClaimIsLost(t *testing.T) {
	t.Parallel()
	kills := usualKills
	if said := os.Getenv("ROADBED_KILLS"); said != "" {
		var err error
		if kills, err = strconv.Atoi(said); err != nil {
			t.Fatalf("ROADBED_KILLS: %v", err)
		}
	}
	s := newClaimSiege(t)
	random := rand.New(rand.NewPCG(4, uint64(kills)))
	for n := range kills {
		s.live(t, random)
		if n == kills/2 {
			s.revise(t)
		}
	}
	process := s.start(t)
	t.Cleanup(process.Kill)
	s.converge(t)
	s.judge(t)
	t.Logf("%d kills, %d of them while the server was at work; %d claims, %d changes, %d given up", kills, s.struck, len(s.claims), s.changes, s.gone)
}

// wanted is a claim as it is to be.
type wanted struct {
	kind, namespace, name string
	uid                   types.UID
	size                  int
	pinned                bool
	ended                 bool
}

func (w *wanted) object() *unstructured.Unstructured {
	made := &unstructured.Unstructured{}
	made.SetAPIVersion("claims.roadbed.dev/v1")
	made.SetKind(w.kind)
	made.SetNamespace(w.namespace)
	made.SetName(w.name)
	return made
}

// claimSiege is a plane whose server is killed, with a tenant and two capabilities.
type claimSiege struct {
	dir     string
	way     *doorway
	outside *vault
	client  client.Client
	claims  []*wanted
	changes int
	gone    int
	struck  int // how many kills hit the server at work
}

func newClaimSiege(t *testing.T) *claimSiege {
	t.Helper()
	env := kubetest.Private(t)
	apptest.Install(t, env.Admin, map[string]bool{"Capabilities": true, "Gateway": false})
	s := &claimSiege{
		dir: t.TempDir(), outside: openVault(t), client: env.Client,
		way: openDoorway(t, env.As(t, identity.Roadbed, identity.RoadbedGroups()...)),
	}
	for _, object := range []client.Object{aUnit(), aTenant(0)} {
		if err := s.client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	process := s.start(t)
	for _, source := range []string{boxes, fmt.Sprintf(vaults, s.outside.URL)} {
		made := &capabilityv1.Capability{}
		if err := yaml.UnmarshalStrict([]byte(source), made); err != nil {
			t.Fatal(err)
		}
		kubetest.Eventually(t, patience, made.Name+" is published", func() error { return s.client.Create(t.Context(), made) })
	}
	first := &wanted{kind: "Box", namespace: "tenant-team-00-test", name: "first", size: 1, pinned: true}
	kubetest.Eventually(t, patience, "the first claim is made", func() error { return s.make(t.Context(), first) })
	vaulted := &wanted{kind: "Vault", namespace: "tenant-team-00-prod", name: "second", size: 1}
	kubetest.Eventually(t, patience, "the second claim is made", func() error { return s.make(t.Context(), vaulted) })
	s.converge(t)
	process.Kill()
	return s
}

const boxes = `
metadata: {name: box}
spec:
  description: a box to put things into, for tests
  layer: data
  owner: {team: boxes}
  names: {kind: Box, plural: boxes}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema: {spec: {type: object, properties: {size: {type: integer}}}}
    connection: {secretKeys: [host]}
    provisioner:
      type: Template
      permissions: [{apiGroups: [""], resources: [configmaps, services]}]
      template:
        connection: {host: "resources.settings.data.host"}
        resources:
        - id: settings
          manifest: {apiVersion: v1, kind: ConfigMap, data: {size: "${string(spec.size)}", host: "${claim.metadata.name}.${tenant.name}"}}
        - id: service
          manifest: {apiVersion: v1, kind: Service, metadata: {annotations: {host: "${resources.settings.data.host}"}}, spec: {ports: [{port: 80}]}}
`

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
    schema: {spec: {type: object, properties: {size: {type: integer}}}}
    connection: {secretKeys: [password]}
    provisioner: {type: HTTP, http: {url: %q}}
`

// start starts a server, whose writes go through the doorway.
func (s *claimSiege) start(t *testing.T) *server.Process {
	t.Helper()
	process, err := server.Start(server.Config{
		Cluster: &rest.Config{Host: s.way.URL}, Dir: s.dir, Gates: map[string]bool{"Capabilities": true, "Gateway": false},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	return process
}

// live wishes for things, lets a server live until it is struck or has nothing left
// to do, and wishes for more meanwhile.
func (s *claimSiege) live(t *testing.T, random *rand.Rand) {
	t.Helper()
	s.wish(t, random)
	process := s.start(t)
	switch writes := random.IntN(mostWrites); random.IntN(3) {
	case 0:
		s.way.doom(process, writes, false)
	case 1:
		s.way.doom(process, writes, true)
	default:
		s.way.doom(process, 1<<30, false)
		s.outside.doom(random.IntN(3), s.way.strike)
	}
	defer s.outside.doom(0, nil)
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("the server is not ready"))
	defer cancel()
	if _, err := process.Ready(ctx); err == nil {
		s.wish(t, random)
	}
	kubetest.Eventually(t, patience, "the server is struck, or at rest", func() error {
		select {
		case <-process.Exited():
			return nil
		default:
			return s.unsettled(t.Context())
		}
	})
	select {
	case <-process.Exited():
		if !s.way.spent() {
			t.Fatal("the server ended by itself: see its log in " + s.dir)
		}
		s.struck++
	default:
		process.Kill()
	}
}

// wish makes two claims, changes two and gives one up.
func (s *claimSiege) wish(t *testing.T, random *rand.Rand) {
	t.Helper()
	for range 2 {
		n := len(s.claims)
		made := &wanted{
			kind: []string{"Box", "Vault"}[random.IntN(2)], namespace: []string{"tenant-team-00-test", "tenant-team-00-prod"}[random.IntN(2)],
			name: fmt.Sprintf("claim-%d", n), size: n,
		}
		if err := s.make(t.Context(), made); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if one := s.any(random); one != nil {
			s.changes++
			one.size += 100
			patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"size":%d}}`, one.size))
			if err := s.client.Patch(t.Context(), one.object(), patch); err != nil {
				t.Fatal(err)
			}
		}
	}
	if one := s.any(random); one != nil {
		s.gone++
		one.ended = true
		if err := s.client.Delete(t.Context(), one.object()); err != nil {
			t.Fatal(err)
		}
	}
}

// make makes a claim and keeps it in mind.
func (s *claimSiege) make(ctx context.Context, w *wanted) error {
	made := w.object()
	spec := map[string]any{"size": int64(w.size)}
	if w.pinned {
		spec["platform"] = map[string]any{"updates": "Pinned"}
	}
	made.Object["spec"] = spec
	if err := s.client.Create(ctx, made); err != nil {
		return err
	}
	w.uid = made.GetUID()
	s.claims = append(s.claims, w)
	return nil
}

// any is a claim that is there and is not pinned; nil when there is none.
func (s *claimSiege) any(random *rand.Rand) *wanted {
	var there []*wanted
	for _, each := range s.claims {
		if !each.ended && !each.pinned {
			there = append(there, each)
		}
	}
	if len(there) == 0 {
		return nil
	}
	return there[random.IntN(len(there))]
}

// revise publishes another revision of the boxes while a server lives.
func (s *claimSiege) revise(t *testing.T) {
	t.Helper()
	process := s.start(t)
	defer process.Kill()
	kubetest.Eventually(t, patience, "another revision is published", func() error {
		c := &capabilityv1.Capability{}
		if err := s.client.Get(t.Context(), client.ObjectKey{Name: "box"}, c); err != nil {
			return err
		}
		manifest := &c.Spec.Versions[0].Provisioner.Template.Resources[0].Manifest
		manifest.Raw = []byte(`{"apiVersion": "v1", "kind": "ConfigMap", "data": {"size": "${string(spec.size)}", "host": "${claim.metadata.name}.${tenant.name}", "edition": "2"}}`)
		if err := s.client.Update(t.Context(), c); err != nil {
			return err
		}
		return nil
	})
}

// converge waits until nothing is left to do.
func (s *claimSiege) converge(t *testing.T) {
	t.Helper()
	kubetest.Eventually(t, patience, "every claim is as it is wanted", func() error { return s.unsettled(t.Context()) })
}

// unsettled says which claim is not as it is wanted.
func (s *claimSiege) unsettled(ctx context.Context) error {
	there := map[types.UID]*unstructured.Unstructured{}
	for _, kind := range []string{"BoxList", "VaultList"} {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("claims.roadbed.dev/v1")
		list.SetKind(kind)
		if err := s.client.List(ctx, list); err != nil {
			return err
		}
		for i := range list.Items {
			there[list.Items[i].GetUID()] = &list.Items[i]
		}
	}
	for _, each := range s.claims {
		live := there[each.uid]
		delete(there, each.uid)
		switch {
		case each.ended && live != nil:
			return fmt.Errorf("%s %s is there still: %v", each.kind, each.name, live.Object["status"])
		case !each.ended && live == nil:
			return fmt.Errorf("%s %s is lost", each.kind, each.name)
		case !each.ended && !isReady(live):
			return fmt.Errorf("%s %s is not ready: %v", each.kind, each.name, live.Object["status"])
		}
	}
	for uid, live := range there {
		return fmt.Errorf("%s %s, %s, was not wanted", live.GetKind(), live.GetName(), uid)
	}
	return nil
}

// isReady says whether a claim is ready as it is written now.
func isReady(live *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, each := range conditions {
		if is, ok := each.(map[string]any); ok && is["type"] == "Ready" {
			return is["status"] == "True" && is["observedGeneration"] == live.GetGeneration()
		}
	}
	return false
}
