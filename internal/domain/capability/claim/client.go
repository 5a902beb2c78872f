package claim

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// claims is a client for Claims, which caches know as what they wrap.
type claims struct{ client.Client }

var _ client.Client = claims{}

func bare(object client.Object) client.Object {
	if claim, is := object.(*Claim); is {
		return claim.Unstructured
	}
	return object
}

// Get reads into what a Claim wraps.
func (c claims) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	return c.Client.Get(ctx, key, bare(object), opts...)
}

// Patch writes what a Claim wraps.
func (c claims) Patch(ctx context.Context, object client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return c.Client.Patch(ctx, bare(object), patch, opts...)
}

// Status writes the status of what a Claim wraps.
func (c claims) Status() client.SubResourceWriter { return statuses{c.Client.Status()} }

type statuses struct{ client.SubResourceWriter }

// Patch writes the status of what a Claim wraps.
func (s statuses) Patch(ctx context.Context, object client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	return s.SubResourceWriter.Patch(ctx, bare(object), patch, opts...)
}
