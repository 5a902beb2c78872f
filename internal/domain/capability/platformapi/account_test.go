package platformapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/platformapi"
)

// roads answer no question about one namespace, and refuse all others.
type roads struct{ asked chan struct{} }

var errRefused = errors.New("refused")

func (r roads) RoundTrip(request *http.Request) (*http.Response, error) {
	if strings.Contains(request.URL.Path, "/namespaces/stuck/") {
		r.asked <- struct{}{}
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	return nil, errRefused
}

// TestOneNamespaceHoldsUpNoOther wants an account's rights to be looked after
// though those of another namespace's account are not to be had.
func TestOneNamespaceHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	to := roads{asked: make(chan struct{}, 8)}
	accounts, err := platformapi.NewImpersonation(&rest.Config{Host: "http://127.0.0.1:1", Transport: to}, catalogue{}, &memory{}, clock.RealClock{})
	check(t, err)
	waiting, cancel := context.WithCancel(t.Context())
	answers := make(chan error, 2)
	as := func(ctx context.Context, namespace string) {
		_, err := accounts.As(ctx, namespace)
		answers <- err
	}
	go as(waiting, "stuck")
	t.Cleanup(func() { cancel(); <-answers })
	<-to.asked
	over, end := context.WithCancel(t.Context())
	end()
	for namespace, want := range map[string]error{"other": errRefused, "stuck": context.Canceled} {
		ctx := t.Context()
		if namespace == "stuck" {
			ctx = over // who has no more time does not wait for the other
		}
		go as(ctx, namespace)
		select {
		case err := <-answers:
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", namespace, err, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("namespace %q waits for another request", namespace)
		}
	}
}
