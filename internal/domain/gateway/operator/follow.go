package operator

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	capability "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// followed are the kinds that are read whole.
func followed() []client.Object {
	return []client.Object{
		&gatewayv1.GatewayClass{}, &gatewayv1.Gateway{}, &gatewayv1.ListenerSet{}, &gatewayv1.HTTPRoute{}, &gatewayv1.GRPCRoute{},
		&gatewayv1.BackendTLSPolicy{}, &gatewayv1.ReferenceGrant{},
		&corev1.Service{}, &discoveryv1.EndpointSlice{}, &corev1.Namespace{},
		&v1alpha1.AuthorizationPolicy{}, &v1alpha1.RateLimitPolicy{}, &v1alpha1.LifecyclePolicy{}, &v1alpha1.Subscription{},
		&capability.FeatureFlag{},
	}
}

// Followed are the kinds without which the gateway cannot serve: a cluster that lacks
// one, or has it in other versions, has no gateway of Roadbed's.
func Followed() []client.Object { return followed() }

// follow begins to hear of all kinds, and returns when each was read once.
func (f *Feed) follow(ctx context.Context) error {
	var read []toolscache.InformerSynced
	for _, kind := range followed() {
		informer, err := f.cache.GetInformer(ctx, kind)
		if err != nil {
			return fmt.Errorf("watch %T (are its definitions installed?): %w", kind, err)
		}
		registration, err := informer.AddEventHandler(f)
		if err != nil {
			return fmt.Errorf("watch %T: %w", kind, err)
		}
		read = append(read, registration.HasSynced)
		f.unfollow(ctx, informer, registration)
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), read...) {
		return fmt.Errorf("read the gateway's objects: %w", ctx.Err())
	}
	return nil
}

// remover is an informer that lets go of a handler.
type remover interface {
	RemoveEventHandler(handle toolscache.ResourceEventHandlerRegistration) error
}

// unfollow lets go of a handler when the context has ended.
func (f *Feed) unfollow(ctx context.Context, informer remover, registration toolscache.ResourceEventHandlerRegistration) {
	context.AfterFunc(ctx, func() {
		if err := informer.RemoveEventHandler(registration); err != nil {
			f.log.DebugContext(ctx, "the gateway's watch was gone before", "error", err)
		}
	})
}

// learn finds out what of the cluster is not known yet: who issues its tokens and
// which version the definitions have. It is asked again until it is known.
func (f *Feed) learn(ctx context.Context) {
	learnt := f.known
	if learnt.ClusterIssuer == "" {
		learnt.ClusterIssuer = f.issuer(ctx)
	}
	if learnt.BundleVersion == "" {
		learnt.BundleVersion = f.bundle(ctx)
	}
	if learnt.ClusterIssuer == f.known.ClusterIssuer && learnt.BundleVersion == f.known.BundleVersion {
		return
	}
	f.known = learnt
	f.mu.Lock()
	f.translator.SetSettings(learnt)
	f.mu.Unlock()
	f.rouse()
}

// issuer is what the API server says of itself as an issuer.
func (f *Feed) issuer(ctx context.Context) string {
	data, err := f.clientset.Discovery().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if err != nil {
		f.log.WarnContext(ctx, "the cluster does not say who issues its tokens", "error", err)
		return ""
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		f.log.WarnContext(ctx, "the cluster does not say who issues its tokens", "error", err)
	}
	return document.Issuer
}

// bundle is the version that the definition of Gateways has.
func (f *Feed) bundle(ctx context.Context) string {
	definition := &metav1.PartialObjectMetadata{}
	definition.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	if err := f.direct.Get(ctx, client.ObjectKey{Name: "gateways.gateway.networking.k8s.io"}, definition); err != nil {
		f.log.WarnContext(ctx, "the definition of Gateways cannot be read", "error", err)
		return ""
	}
	return definition.Annotations["gateway.networking.k8s.io/bundle-version"]
}
