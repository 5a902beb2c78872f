package capabilities

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/adapter/postgres"
)

// secrets is a reader that has the Secret with these keys, or no Secret.
type secrets struct {
	client.Reader
	data map[string][]byte
}

func (s secrets) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if s.data == nil || key.Name != BackendsSecret {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
	}
	into.(*corev1.Secret).Data = s.data
	return nil
}

// absent is a server of our own that cannot be run.
type absent struct{}

var _ postgres.Source = absent{}

func (absent) URL(context.Context) (string, error) { return "", postgres.ErrNotInstalled }

func (absent) Available(context.Context) (bool, error) { return false, postgres.ErrNotInstalled }

// TestPostgresByURL: without a PostgreSQL the capability says so and names both
// ways out; a Secret with a URL is one, and is heard of without a restart.
func TestPostgresByURL(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]map[string][]byte{"no Secret": nil, "another key": {BackendObjectStore: []byte("x")}} {
		err := postgres.New(chosen{backends{secrets{data: data}}, absent{}}).Available(t.Context())
		if !errors.Is(err, postgres.ErrNotInstalled) || !strings.Contains(err.Error(), "key postgres of Secret roadbed-system/roadbed-backends") {
			t.Errorf("%s: %v", name, err)
		}
	}
	const where = "postgres://admin:hush@db.example:5432/postgres"
	given := chosen{backends{secrets{data: map[string][]byte{BackendPostgres: []byte(where + "\n")}}}, absent{}}
	if awake, err := given.Available(t.Context()); err != nil || !awake {
		t.Errorf("a server by URL is not available: %v", err)
	}
	if url, err := given.URL(t.Context()); err != nil || url != where {
		t.Errorf("the URL is %q, %v", url, err)
	}
}
