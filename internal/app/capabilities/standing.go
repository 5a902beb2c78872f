package capabilities

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/availability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// available says whether a provisioner of Roadbed's own can work.
func (m *Module) available(ctx context.Context, builtin string) error {
	return m.board.Available(ctx, builtin)
}

// follow has Capabilities say whether their provisioners can work: asked at
// intervals, and at once when the Secret with the servers changes.
func (m *Module) follow(host *module.Host, own map[string]provision.Builtin) error {
	m.board = availability.New(own, host.Clock, m.ProvisionersChanged)
	direct, err := metadata.NewForConfigAndClient(host.Manager.GetConfig(), host.Manager.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("make the client that watches Secret %s: %w", BackendsSecret, err)
	}
	for _, each := range []func(context.Context) error{
		m.board.Run,
		func(ctx context.Context) error { return watchBackends(ctx, direct, m.board.Look) },
	} {
		if err := host.Manager.Add(manager.RunnableFunc(each)); err != nil {
			return err
		}
	}
	return nil
}

// watchBackends calls changed whenever the Secret with the servers was made,
// changed or deleted, until the context ends. It is told of its metadata alone:
// what the Secret holds never comes along.
func watchBackends(ctx context.Context, direct metadata.Interface, changed func()) error {
	const never = time.Duration(0)
	secrets := corev1.SchemeGroupVersion.WithResource("secrets")
	informer := metadatainformer.NewFilteredMetadataInformer(direct, secrets, identity.SystemNamespace, never, cache.Indexers{}, func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, BackendsSecret).String()
	}).Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { changed() }, UpdateFunc: func(any, any) { changed() }, DeleteFunc: func(any) { changed() },
	})
	if err != nil {
		return fmt.Errorf("watch Secret %s: %w", BackendsSecret, err)
	}
	informer.RunWithContext(ctx)
	return nil
}
