package offboard

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Exporter keeps what an offboarded tenant had before it is deleted.
type Exporter interface {
	// Export keeps the objects of the tenant, whose identity is uid, and
	// returns where they are, as a person would look for them. It MUST return
	// only after they would survive the death of the machine. An export of the
	// same tenant and uid replaces an earlier one, so that an interrupted
	// procedure can begin this step again. It MUST keep others from reading
	// it and MUST NOT change the objects.
	//
	// The objects are the Tenant and everything in its namespaces, sorted by
	// kind, namespace and name. Values of Secrets were left out of them unless
	// the platform is set up to export them.
	Export(ctx context.Context, tenant, uid string, objects []*unstructured.Unstructured) (location string, err error)
}
