package consumers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/kernel/review"
)

const (
	// Path is the route. Its query names the Capability as "capability".
	Path = "/capability/consumers"
	// Audience is whom a token for the route may be made for.
	Audience = "roadbed-consumers"
	// Subresource is what one must be allowed to get of a Capability.
	Subresource = "consumers"
)

// Routes are the patterns that HTTP serves.
func Routes() []string { return []string{"GET " + Path} }

// List is what the route answers.
type List struct {
	// AsOf is when the ledger was read.
	AsOf time.Time `json:"asOf"`
	// Items are those who used a version in capability.UsageWindow, the latest first.
	Items []Item `json:"items"`
}

// Item is somebody who uses a version.
type Item struct {
	Version string `json:"version"`
	capability.Consumer
}

// HTTP serves who uses a Capability. All fields are required.
type HTTP struct {
	// Client asks the cluster's API server who may do what.
	Client kubernetes.Interface
	// Reader reads Capabilities.
	Reader client.Reader
	Usage  capability.Usage
	Clock  clock.PassiveClock
}

// Register adds the route.
func (h HTTP) Register(mux *http.ServeMux) { mux.HandleFunc("GET "+Path, h.serve) }

func (h HTTP) serve(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("capability")
	if name == "" {
		http.Error(w, "name the Capability: "+Path+"?capability=NAME", http.StatusBadRequest)
		return
	}
	err := review.Guard{Client: h.Client, Audience: Audience}.Admit(r, authorizationv1.ResourceAttributes{
		Verb: "get", Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version,
		Resource: "capabilities", Subresource: Subresource, Name: name,
	})
	var found *List
	if err == nil {
		found, err = h.list(r.Context(), name)
	}
	switch {
	case apierrors.IsNotFound(err):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), review.Status(err))
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(found) // Who asked may have gone.
	}
}

func (h HTTP) list(ctx context.Context, name string) (*List, error) {
	var c v1alpha1.Capability
	if err := h.Reader.Get(ctx, client.ObjectKey{Name: name}, &c); err != nil {
		return nil, fmt.Errorf("read capability %q: %w", name, err)
	}
	now := h.Clock.Now()
	all := &List{AsOf: now.UTC(), Items: []Item{}}
	for _, v := range c.Spec.Versions {
		users, err := h.Usage.Consumers(ctx, capability.API(&c), v.Name, now.Add(-capability.UsageWindow))
		if err != nil {
			return nil, fmt.Errorf("read who uses capability %q: %w", name, err)
		}
		for _, user := range users {
			all.Items = append(all.Items, Item{Version: v.Name, Consumer: user})
		}
	}
	slices.SortStableFunc(all.Items, func(a, b Item) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Tenant, b.Tenant),
			cmp.Compare(a.Client, b.Client), cmp.Compare(a.Operation, b.Operation))
	})
	return all, nil
}
