package serving

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Shared reads the certificate that all copies of the program share from the
// Secret of that name. The first copy that finds it absent or about to expire
// makes a new one.
func Shared(ctx context.Context, client kubernetes.Interface, now time.Time, name, host string) (Certificate, error) {
	secrets := client.CoreV1().Secrets(identity.SystemNamespace)
	for {
		secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return Certificate{}, fmt.Errorf("read the certificate in Secret %q: %w", name, err)
		}
		exists := err == nil
		if exists {
			kept := Certificate{Authority: secret.Data["ca.crt"], Cert: secret.Data[corev1.TLSCertKey], Key: secret.Data[corev1.TLSPrivateKeyKey]}
			if kept.Usable(host, now.Add(renewBefore)) == nil {
				return kept, nil
			}
		}
		made, err := Issue(now, Kept, host)
		if err != nil {
			return Certificate{}, fmt.Errorf("make the certificate of %s: %w", host, err)
		}
		next := secretOf(name, made)
		if exists {
			next.ResourceVersion = secret.ResourceVersion
			_, err = secrets.Update(ctx, next, metav1.UpdateOptions{})
		} else {
			_, err = secrets.Create(ctx, next, metav1.CreateOptions{})
		}
		switch {
		case apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err):
			continue // Another copy was faster: use its certificate.
		case err != nil:
			return Certificate{}, fmt.Errorf("keep the certificate in Secret %q: %w", name, err)
		}
		return made, nil
	}
}

func secretOf(name string, c Certificate) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: name},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"ca.crt": c.Authority, corev1.TLSCertKey: c.Cert, corev1.TLSPrivateKeyKey: c.Key},
	}
}
