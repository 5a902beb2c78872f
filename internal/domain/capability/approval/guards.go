package approval

import (
	"embed"
	"strings"
	"text/template"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

//go:embed *.yaml
var sources embed.FS

// Guards are the native rules by which nobody forges who asked or who approves,
// and revisions stay as they are. groups are the API groups of claims; none
// means claims.roadbed.dev. The objects are the caller's own copies.
//
// It panics when an embedded source is malformed, which the package's tests
// rule out.
func Guards(groups ...string) []client.Object {
	if len(groups) == 0 {
		groups = []string{v1alpha1.ClaimsGroup}
	}
	return apply.Shipped{
		Sources: sources, Kinds: runtime.NewSchemeBuilder(admissionregistrationv1.AddToScheme),
		Funcs: template.FuncMap{
			"roadbed": func() string { return identity.Roadbed },
			"api":     func() string { return account.User(account.PlatformAPI, "") },
			"groups":  func() string { return strings.Join(groups, ", ") },
		},
	}.Objects("guard-requester.yaml", "guard-approver.yaml", "guard-revisions.yaml")
}
