package standalone_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// hungLimit is how long a hung component may take to be back.
const hungLimit = 3 * time.Minute

// TestHungChildren stops one component after the other, as a deadlock would,
// and wants that one, and no other, killed and back.
func TestHungChildren(t *testing.T) {
	t.Parallel()
	soon := standalone.Liveness{Every: 200 * time.Millisecond, Timeout: 2 * time.Second, Failures: 3}
	r := start(t, t.TempDir(), kubetest.WithNodes(1), func(c *standalone.Config) { c.Liveness = soon })
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"} {
		t.Run(name, func(t *testing.T) {
			if name == "kwok" && os.Getenv("ROADBED_SLOW") == "" {
				t.Skip("Kubernetes takes 50 s to notice; make test-all does it")
			}
			before := map[string]standalone.ChildStatus{}
			for _, child := range r.plane.Status().Children {
				before[child.Name] = child
			}
			if err := syscall.Kill(before[name].PID, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			kubetest.Eventually(t, hungLimit, name+" is back", func() error {
				if now := pid(r, name); now == 0 || now == before[name].PID {
					return fmt.Errorf("process %d, was %d", now, before[name].PID)
				}
				return nil
			})
			for _, now := range r.plane.Status().Children {
				if now.Name != name && now.Restarts != before[now.Name].Restarts {
					t.Errorf("%s was started again, too: %s", now.Name, now.LastExit)
				}
				if now.Name == name && !strings.Contains(now.LastExit, "hung") {
					t.Errorf("its last exit is told as %q", now.LastExit)
				}
			}
			kubetest.Eventually(t, recoverLimit, "the API works again", func() error {
				_, err := r.client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
				return err
			})
		})
	}
}
