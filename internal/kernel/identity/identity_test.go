package identity_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

func TestOf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		name   string
		groups []string
		want   identity.Actor
	}{
		"Person": {
			reason: "a name without a prefix is a person, and groups are sorted",
			name:   "amara", groups: []string{"corp:payments", "corp:all"},
			want: identity.Actor{Kind: identity.User, Name: "amara", Groups: []string{"corp:all", "corp:payments"}},
		},
		"ServiceAccount": {
			reason: "a workload is known by its prefix",
			name:   "system:serviceaccount:tenant-payments:deployer",
			want:   identity.Actor{Kind: identity.ServiceAccount, Name: "system:serviceaccount:tenant-payments:deployer"},
		},
		"Kubernetes": {
			reason: "other system names are Kubernetes itself",
			name:   "system:kube-controller-manager",
			want:   identity.Actor{Kind: identity.System, Name: "system:kube-controller-manager"},
		},
		"Roadbed": {
			reason: "Roadbed is the system, although it runs as a service account",
			name:   identity.Roadbed,
			want:   identity.Self(),
		},
		"Namesake": {
			reason: "another service account in Roadbed's namespace is not Roadbed",
			name:   identity.Roadbed + "-2",
			want:   identity.Actor{Kind: identity.ServiceAccount, Name: identity.Roadbed + "-2"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, identity.Of(tc.name, tc.groups...)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestOfLeavesTheCallersGroupsAlone(t *testing.T) {
	t.Parallel()
	groups := []string{"b", "a"}
	identity.Of("amara", groups...)
	if diff := cmp.Diff([]string{"b", "a"}, groups); diff != "" {
		t.Errorf("Of sorted its caller's slice (-want +got):\n%s", diff)
	}
}

func TestServiceAccountName(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		user, namespace, name string
		ok                    bool
	}{
		"Whole":       {identity.Roadbed, identity.SystemNamespace, "roadbed", true},
		"NoName":      {"system:serviceaccount:tenant-payments:", "", "", false},
		"NoNamespace": {"system:serviceaccount::deployer", "", "", false},
		"OnePart":     {"system:serviceaccount:deployer", "", "", false},
		"Person":      {"amara", "", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace, account, ok := identity.ServiceAccountName(tc.user)
			if ok != tc.ok || ok && (namespace != tc.namespace || account != tc.name) {
				t.Errorf("ServiceAccountName(%q) = %q, %q, %t", tc.user, namespace, account, ok)
			}
		})
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	caller := identity.Of("amara")
	if diff := cmp.Diff(caller, identity.From(identity.With(t.Context(), caller))); diff != "" {
		t.Errorf("the caller got lost (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(identity.Self(), identity.From(context.Background())); diff != "" {
		t.Errorf("work that nobody asked for is Roadbed's own (-want +got):\n%s", diff)
	}
}
