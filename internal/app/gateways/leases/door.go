package leases

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

const (
	// trusted is how long a token that was reviewed is not reviewed again.
	trusted = time.Minute
	// distrusted is the same for one that was refused.
	distrusted = 10 * time.Second
	// mostTokens bounds those that are remembered; gateways have fewer processes.
	mostTokens = 1024
	// reviewLimit is how long the API server may take.
	reviewLimit = 5 * time.Second
)

// reviewer asks the API server whose a token is.
type reviewer interface {
	Create(ctx context.Context, review *authenticationv1.TokenReview, opts metav1.CreateOptions) (*authenticationv1.TokenReview, error)
}

// door lets processes of the gateway in, and nobody else. It is for many
// goroutines at once.
type door struct {
	reviews reviewer
	clock   clock.PassiveClock
	log     *slog.Logger
	next    http.Handler

	mu   sync.Mutex // guards seen
	seen map[digest]opinion
}

// digest stands for a token, which is not kept.
type digest [sha256.Size]byte

// opinion is what the API server said of a token, for a while.
type opinion struct {
	ours  bool
	until time.Time
}

// ServeHTTP answers 401 to strangers and 503 where it cannot be found out.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found || token == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
		problem.Write(w, problem.New(http.StatusUnauthorized, "Processes of the gateway alone are answered: send a token of service account "+Account+" for audience "+Audience+"."))
		return
	}
	ours, err := d.ask(r.Context(), token)
	switch {
	case err != nil:
		d.log.WarnContext(r.Context(), "a process of the gateway cannot be told from others", "error", err)
		problem.Write(w, problem.New(http.StatusServiceUnavailable, "The API server does not say whose the token is: try again."))
	case !ours:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		problem.Write(w, problem.New(http.StatusUnauthorized, "The token is none of service account "+Account+" for audience "+Audience+"."))
	default:
		d.next.ServeHTTP(w, r)
	}
}

// ask says whether a token is of the gateway's account.
func (d *door) ask(ctx context.Context, token string) (bool, error) {
	key, now := digest(sha256.Sum256([]byte(token))), d.clock.Now()
	d.mu.Lock()
	known, found := d.seen[key]
	d.mu.Unlock()
	if found && now.Before(known.until) {
		return known.ours, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reviewLimit)
	defer cancel()
	review, err := d.reviews.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{Audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("have a token reviewed: %w", err)
	}
	status := review.Status
	ours := status.Authenticated && status.User.Username == User && slices.Contains(status.Audiences, Audience)
	d.remember(key, ours, now)
	return ours, nil
}

func (d *door) remember(key digest, ours bool, now time.Time) {
	until := now.Add(distrusted)
	if ours {
		until = now.Add(trusted)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.seen) >= mostTokens {
		maps.DeleteFunc(d.seen, func(_ digest, o opinion) bool { return !o.ours || !now.Before(o.until) })
	}
	if len(d.seen) < mostTokens {
		d.seen[key] = opinion{ours, until}
	}
}
