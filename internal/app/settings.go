package app

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app/kinds"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// settingsMap is the ConfigMap in which the working server says what its plans
// depend on beside the objects. Everybody who is authenticated may read it.
const settingsMap = "roadbed-settings"

// settingsRights let everybody who is authenticated read the settings: whoever
// plans a tenant wants to plan as the server does, and nothing there is secret.
func settingsRights() []client.Object {
	meta := metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: "roadbed:settings"}
	return []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{corev1.GroupName}, Resources: []string{"configmaps"},
			ResourceNames: []string{settingsMap}, Verbs: []string{"get"},
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"}},
		},
	}
}

// publish writes the settings of the server that works, and tries until it
// could: the platform works without, only plans made elsewhere would differ.
func publish(ctx context.Context, c client.Client, opts Options, settings tenancy.Settings) error {
	const retry = 10 * time.Second
	for writeSettings(ctx, c, opts, settings) != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-opts.Clock.After(retry):
		}
	}
	return nil
}

// writeSettings writes them once, and logs why it could not.
func writeSettings(ctx context.Context, c client.Client, opts Options, settings tenancy.Settings) error {
	err := applySettings(ctx, c, settings)
	if err != nil && ctx.Err() == nil {
		opts.Log.WarnContext(ctx, "settings cannot be published", "name", settingsMap, "error", err)
	}
	return err
}

func applySettings(ctx context.Context, c client.Client, settings tenancy.Settings) error {
	fields, err := content(c.Scheme(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: settingsMap},
		Data:       settings.Publish(),
	})
	if err != nil {
		return err
	}
	return kinds.Apply(ctx, c, &unstructured.Unstructured{Object: fields}, apply.FieldManager)
}

// PublishedSettings are the settings that the cluster's server works with. The
// error is NotFound where no server has run yet, or only an older one.
func PublishedSettings(ctx context.Context, c client.Reader) (tenancy.Settings, error) {
	var published corev1.ConfigMap
	key := client.ObjectKey{Namespace: identity.SystemNamespace, Name: settingsMap}
	if err := c.Get(ctx, key, &published); err != nil {
		return tenancy.Settings{}, fmt.Errorf("read the server's settings: %w", err)
	}
	return tenancy.Published(published.Data), nil
}
