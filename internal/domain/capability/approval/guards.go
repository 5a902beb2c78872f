package approval

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"text/template"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
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
	var objects []client.Object
	for _, name := range []string{"guard-requester.yaml", "guard-approver.yaml", "guard-revisions.yaml"} {
		found, err := load(name, groups)
		if err != nil {
			panic(fmt.Sprintf("embedded guard %q: %v", name, err))
		}
		objects = append(objects, found...)
	}
	return objects
}

func load(name string, groups []string) ([]client.Object, error) {
	source, err := template.New(name).Funcs(template.FuncMap{
		"roadbed": func() string { return identity.Roadbed },
		"groups":  func() string { return strings.Join(groups, ", ") },
	}).ParseFS(sources, name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := source.Execute(&text, nil); err != nil {
		return nil, err
	}
	kinds := runtime.NewScheme()
	utilruntime.Must(admissionregistrationv1.AddToScheme(kinds))
	return apply.DecodeFile(kinds, name, text.String())
}
