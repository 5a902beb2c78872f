package scenario

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// UserInfo is a file that says who asks, kind UserInfo of
// cli.kyverno.io/v1alpha1.
type UserInfo struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	// Roles and ClusterRoles are bound to the user: "namespace:name" and "name".
	Roles        []string `json:"roles,omitempty"`
	ClusterRoles []string `json:"clusterRoles,omitempty"`
	// User as the API server knows it.
	User authenticationv1.UserInfo `json:"userInfo"`
}

// ParseUserInfo reads a file that says who asks.
func ParseUserInfo(file string, data []byte) (UserInfo, []yamldoc.Mistake) {
	var info UserInfo
	mistakes := one(file, data, &info, "UserInfo")
	return info, mistakes
}
