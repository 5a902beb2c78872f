package capabilities_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/consumers"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

// justNow is a ledger with one use.
type justNow struct{}

func (justNow) Consumers(context.Context, string, string, time.Time) ([]capability.Consumer, error) {
	return []capability.Consumer{{Tenant: "payments", Client: "shop", Operation: "GET /v1/casks", Last: time.Date(2026, 2, 3, 4, 5, 6, 7e6, time.UTC)}}, nil
}

// TestConsumersAreAskedOfTheServer wants uses named as the server's ledger has
// them, to the second, with a token that an administrator makes for the question.
func TestConsumersAreAskedOfTheServer(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	s := shell{env.Kubeconfig(t, "admin", "system:masters"), t.TempDir()}
	if _, stderr, code := s.run(t, "capability", "publish", s.write(t, "cask.yaml", strings.NewReplacer("crate", "cask", "Crate", "Cask").Replace(crate))); code != 0 {
		t.Fatal(stderr)
	}
	for _, object := range append([]client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: identity.SystemNamespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: "roadbed"}},
	}, rbac.Objects()...) {
		if err := env.Client.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	direct, err := kubernetes.NewForConfig(env.Admin)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	consumers.HTTP{Client: direct, Reader: env.Client, Usage: justNow{}, Clock: clock.RealClock{}}.Register(mux)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	stdout, stderr, code := s.run(t, "capability", "consumers", "cask", "--server", web.URL)
	if code != 0 || stderr != "" || !regexp.MustCompile(`(?m)^v1 +payments +shop +GET /v1/casks +2026-02-03T04:05:06Z +-$`).MatchString(stdout) {
		t.Errorf("it ends with %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
	}
}
