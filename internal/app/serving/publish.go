package serving

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Publish puts an authority into the ConfigMap of that name, under ca.crt, where
// those who connect look for it. The authority before it stays beside it, so that
// nobody is cut off while copies of the program change their certificates.
func Publish(ctx context.Context, client kubernetes.Interface, name string, authority []byte) error {
	configMaps := client.CoreV1().ConfigMaps(identity.SystemNamespace)
	for {
		live, err := configMaps.Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			_, err = configMaps.Create(ctx, &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: name},
				Data:       map[string]string{"ca.crt": string(authority)},
			}, metav1.CreateOptions{})
		case err != nil:
		case bytes.HasPrefix([]byte(live.Data["ca.crt"]), authority):
			return nil
		default:
			live.Data = map[string]string{"ca.crt": string(authority) + string(first([]byte(live.Data["ca.crt"])))}
			_, err = configMaps.Update(ctx, live, metav1.UpdateOptions{})
		}
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			continue // Another copy was faster.
		}
		if err != nil {
			return fmt.Errorf("publish the authority in ConfigMap %q: %w", name, err)
		}
		return nil
	}
}

// first is the first certificate of a bundle, empty where there is none.
func first(bundle []byte) []byte {
	block, _ := pem.Decode(bundle)
	if block == nil {
		return nil
	}
	return pem.EncodeToMemory(block)
}
