package cluster_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/cluster"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// told is discovery that counts how often it is asked.
type told struct {
	discovery.ServerResourcesInterface
	lists []*metav1.APIResourceList
	err   error
	asked int
}

func (d *told) ServerGroupsAndResources() ([]*metav1.APIGroup, []*metav1.APIResourceList, error) {
	d.asked++
	return nil, d.lists, d.err
}

// TestServed names subresources after the object they belong to, leaves out
// what carries no wishes, and asks again only when it must.
func TestServed(t *testing.T) {
	t.Parallel()
	all := metav1.Verbs{"list", "watch", "create"}
	d := &told{lists: []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods", Kind: "Pod", Namespaced: true, Verbs: all},
			{Name: "pods/exec", Kind: "PodExecOptions", Namespaced: true, Verbs: metav1.Verbs{"create"}},
			{Name: "bindings", Kind: "Binding", Namespaced: true, Verbs: metav1.Verbs{"create"}},
			{Name: "events", Kind: "Event", Namespaced: true, Verbs: all},
		}},
		{GroupVersion: "authorization.k8s.io/v1", APIResources: []metav1.APIResource{{Name: "subjectaccessreviews", Kind: "SubjectAccessReview"}}},
	}}
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	c := cluster.New(cluster.Deps{Discovery: d, Clock: clock, Log: slog.New(slog.DiscardHandler)})
	pods := policy.Served{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	want := []policy.Served{
		pods,
		{Version: "v1", Kind: "Pod", Resource: "pods", Subresource: "exec", Namespaced: true},
		{Version: "v1", Kind: "Binding", Resource: "bindings", Namespaced: true},
	}
	got, err := c.Served(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	objects, err := cluster.Objects{Cluster: c}.Served(t.Context())
	if diff := cmp.Diff([]policy.Served{pods}, objects); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	everything, complete, err := c.All(t.Context())
	if len(everything) != 5 || !complete || err != nil {
		t.Errorf("everything is %v, %t, %v; want events and reviews too", everything, complete, err)
	}
	if d.asked != 1 {
		t.Errorf("discovery was asked %d times, want once", d.asked)
	}
	c.Forget()
	d.err = &discovery.ErrGroupDiscoveryFailed{}
	if _, complete, err := c.All(t.Context()); complete || err != nil {
		t.Errorf("with a server that is away: %t, %v, want what the others serve", complete, err)
	}
	c.Forget()
	d.err = errors.New("away")
	if _, err := c.Served(t.Context()); !errors.Is(err, d.err) {
		t.Errorf("a server that is away is no error: %v", err)
	}
	d.err = nil
	if _, err := c.Served(t.Context()); err != nil || d.asked != 4 {
		t.Errorf("asked %d times, %v; a failure is not believed", d.asked, err)
	}
}

// TestRoles finds what is bound to a user, a group and a service account.
func TestRoles(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	asks := true
	c := cluster.New(cluster.Deps{Bindings: env.Client, AsksRoles: func() bool { return asks }})
	ref := func(kind, name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	subject := func(kind, name string) rbacv1.Subject {
		s := rbacv1.Subject{Kind: kind, Name: name}
		if kind != rbacv1.ServiceAccountKind {
			s.APIGroup = rbacv1.GroupName
		} else {
			s.Namespace = "default"
		}
		return s
	}
	for _, object := range []client.Object{
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "roles-a"}, RoleRef: ref("Role", "reader"),
			Subjects: []rbacv1.Subject{subject("User", "roles-ann"), subject("ServiceAccount", "roles-bot")},
		},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "roles-b"}, RoleRef: ref("ClusterRole", "view"),
			Subjects: []rbacv1.Subject{subject("Group", "roles-team")},
		},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "roles-c"}, RoleRef: ref("ClusterRole", "edit"),
			Subjects: []rbacv1.Subject{subject("Group", "roles-team")},
		},
	} {
		if err := env.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name                string
		user                authenticationv1.UserInfo
		roles, clusterRoles []string
	}{
		{"user", authenticationv1.UserInfo{Username: "roles-ann"}, []string{"default:reader"}, nil},
		{"account", authenticationv1.UserInfo{Username: "system:serviceaccount:default:roles-bot"}, []string{"default:reader"}, nil},
		{"account of another namespace", authenticationv1.UserInfo{Username: "system:serviceaccount:other:roles-bot"}, nil, nil},
		{"group", authenticationv1.UserInfo{Username: "x", Groups: []string{"roles-team"}}, nil, []string{"edit", "view"}},
	} {
		roles, clusterRoles, err := c.Roles(t.Context(), test.user)
		if diff := cmp.Diff([][]string{test.roles, test.clusterRoles}, [][]string{roles, clusterRoles}); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
	asks = false
	if _, clusterRoles, err := c.Roles(t.Context(), authenticationv1.UserInfo{Groups: []string{"roles-team"}}); err != nil || clusterRoles != nil {
		t.Errorf("roles %v, %v; no policy asks for any", clusterRoles, err)
	}
}
