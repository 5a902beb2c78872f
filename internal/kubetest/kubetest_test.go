package kubetest_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

func TestStartIsShared(t *testing.T) {
	t.Parallel()
	if first, second := kubetest.Start(t), kubetest.Start(t); first != second {
		t.Error("two planes in one process")
	}
}

func TestAsActsAsTheUser(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	stranger := env.ClientAs(t, "stranger", "corp:strangers")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "kubetest-"}}

	err := stranger.Create(t.Context(), namespace.DeepCopy())
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `User "stranger"`) {
		t.Errorf("a stranger creates a namespace: %v", err)
	}
	if err := env.Client.Create(t.Context(), namespace); err != nil {
		t.Errorf("the administrator creates a namespace: %v", err)
	}
}

func TestInstallCRDsTwice(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	env.InstallCRDs(t)
	kubetest.Eventually(t, time.Minute, "tenants are served", func() error {
		return env.Client.List(t.Context(), &tenancyv1alpha1.TenantList{})
	})
}

func TestPodReachesRunning(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "kubetest-", Namespace: metav1.NamespaceDefault},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/app:1"}}},
	}
	if err := env.Client.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, time.Minute, "the pod runs", func() error {
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		if pod.Status.Phase != corev1.PodRunning {
			return errors.New("phase " + string(pod.Status.Phase))
		}
		return nil
	})
	if err := env.Client.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, time.Minute, "the deleted pod is gone", func() error {
		err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
		if !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("still there"), err)
		}
		return nil
	})
}

// patient is a test that notes how it failed.
type patient struct {
	testing.TB

	failed string
}

func (p *patient) Helper() {}

func (p *patient) Fatalf(format string, args ...any) {
	p.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// TestEventuallyCountsPausesOnly wants checks that are slow to be as many as others,
// what does not come to be named, and an end all the same.
func TestEventuallyCountsPausesOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		slow   time.Duration
		checks int
		want   string
	}{
		"idle machine": {0, 41, "it comes: not after 1s, in 1s: not yet"},
		"busy machine": {time.Second, 41, "it comes: not after 1s, in 42s: not yet"},
		"no machine":   {time.Minute, 6, "it comes: not after 1s, in 6m0.125s: not yet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, checks := &patient{TB: t}, 0
				var over sync.WaitGroup
				over.Go(func() {
					kubetest.Eventually(p, time.Second, "it comes", func() error {
						checks++
						<-time.After(c.slow)
						return errors.New("not yet")
					})
				})
				over.Wait()
				if p.failed != c.want || checks != c.checks {
					t.Errorf("%q after %d checks, want %q after %d", p.failed, checks, c.want, c.checks)
				}
			})
		})
	}
}
