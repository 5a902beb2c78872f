package library

import (
	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// toGVR is ToGVR(apiVersion, kind): the resource by Kubernetes' rule for names,
// which all of its own kinds follow and nearly all custom ones.
func toGVR(_ *Session, args []ref.Val) (any, error) {
	version, err := schema.ParseGroupVersion(text(args[0]))
	if err != nil {
		return nil, err
	}
	plural, _ := meta.UnsafeGuessKindToResource(version.WithKind(text(args[1])))
	return map[string]string{"group": plural.Group, "version": plural.Version, "resource": plural.Resource}, nil
}
