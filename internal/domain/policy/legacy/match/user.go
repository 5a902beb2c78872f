package match

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// selectsUser returns why the block does not concern who asks, or "".
func selectsUser(wanted kyvernov1.UserInfo, r *policy.Request) string {
	switch {
	case len(wanted.Roles) > 0 && !overlaps(wanted.Roles, r.Roles):
		return "the user has none of the roles"
	case len(wanted.ClusterRoles) > 0 && !overlaps(wanted.ClusterRoles, r.ClusterRoles):
		return "the user has none of the cluster roles"
	case len(wanted.Subjects) > 0 && !slices.ContainsFunc(wanted.Subjects, func(s rbacv1.Subject) bool { return isSubject(s, r) }):
		return "the user is none of the subjects"
	}
	return ""
}

func overlaps(globs, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return pattern.MatchAny(globs, name) })
}

func isSubject(subject rbacv1.Subject, r *policy.Request) bool {
	switch subject.Kind {
	case rbacv1.ServiceAccountKind:
		return pattern.Match("system:serviceaccount:"+subject.Namespace+":"+subject.Name, r.User.Username)
	case rbacv1.UserKind:
		return pattern.Match(subject.Name, r.User.Username)
	case rbacv1.GroupKind:
		return slices.ContainsFunc(r.User.Groups, func(group string) bool { return pattern.Match(subject.Name, group) })
	default:
		return false
	}
}

// knowsUser tells whether it is known who asks. It is not in scans, where
// conditions on the user do not count.
func knowsUser(r *policy.Request) bool {
	return r.User.Username != "" || len(r.User.Groups) > 0 || len(r.Roles) > 0 || len(r.ClusterRoles) > 0
}

func wantsUser(wanted kyvernov1.UserInfo) bool {
	return len(wanted.Roles) > 0 || len(wanted.ClusterRoles) > 0 || len(wanted.Subjects) > 0
}
