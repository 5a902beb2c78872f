package reportapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/report"
	"github.com/roadbed-dev/roadbed/internal/kernel/review"
)

// Paths of the routes, which answer whether or not the API of reports is served.
const (
	PathReports = "/policy/reports"
	PathChanges = "/policy/changes"
)

// Audience is whom a token for the routes may be made for, so that it opens
// nothing else. Tokens for the API server are taken as well.
const Audience = "roadbed-reports"

// Routes are the patterns that HTTP serves.
func Routes() []string { return []string{"GET " + PathReports, "GET " + PathChanges} }

// HTTP serves reports and their history as JSON to who has a token of the
// cluster and may list the reports of the namespace; of the whole cluster where
// none is named. The query chooses by namespace, tenant, policy and status, and
// changes by since, a time as in RFC 3339.
type HTTP struct {
	// Client asks the cluster's API server who may do what.
	Client kubernetes.Interface
	Store  Store
}

func (h HTTP) guard() review.Guard { return review.Guard{Client: h.Client, Audience: Audience} }

// Register adds the routes.
func (h HTTP) Register(mux *http.ServeMux) {
	mux.Handle("GET "+PathReports, h.guarded(h.reports))
	mux.Handle("GET "+PathChanges, h.guarded(h.changes))
}

// List is what the routes answer.
type List[T any] struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []T    `json:"items"`
}

// Change is a result that changed.
type Change struct {
	At         time.Time `json:"at"`
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Namespace  string    `json:"namespace,omitempty"`
	Name       string    `json:"name"`
	Tenant     string    `json:"tenant,omitempty"`
	Policy     string    `json:"policy"`
	Rule       string    `json:"rule"`
	// Before and After are results; empty where there was or is none.
	Before   policy.Status `json:"before,omitempty"`
	After    policy.Status `json:"after,omitempty"`
	Message  string        `json:"message,omitempty"`
	Override string        `json:"override,omitempty"`
}

// answer makes what a request asks for.
type answer func(ctx context.Context, q history.Query) (any, error)

func (h HTTP) reports(ctx context.Context, q history.Query) (any, error) {
	found, err := h.Store.Reports(ctx, q)
	if err != nil {
		return nil, err
	}
	list := List[runtime.Object]{APIVersion: "v1", Kind: "List", Items: []runtime.Object{}}
	for _, r := range found {
		if r.Subject.Namespace == "" {
			list.Items = append(list.Items, report.ClusterReport(r))
			continue
		}
		list.Items = append(list.Items, report.Report(r))
	}
	return list, nil
}

func (h HTTP) changes(ctx context.Context, q history.Query) (any, error) {
	found, err := h.Store.Changes(ctx, q, 0, 0)
	if err != nil {
		return nil, err
	}
	list := List[Change]{APIVersion: "v1", Kind: "List", Items: []Change{}}
	for _, c := range found {
		s := c.Subject
		if q.Status != "" && c.Before != q.Status && c.After != q.Status {
			continue
		}
		list.Items = append(list.Items, Change{
			At: c.At, APIVersion: s.APIVersion, Kind: s.Kind, Namespace: s.Namespace, Name: s.Name, Tenant: s.Tenant,
			Policy: c.Policy, Rule: c.Rule, Before: c.Before, After: c.After, Message: c.Message, Override: c.Override,
		})
	}
	return list, nil
}

// guarded answers whom the cluster knows and allows.
func (h HTTP) guarded(answer answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := queryOf(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		err = h.guard().Admit(r, authorizationv1.ResourceAttributes{
			Namespace: q.Namespace, Verb: "list", Group: openreportsv1alpha1.GroupVersion.Group,
			Version: openreportsv1alpha1.GroupVersion.Version, Resource: "reports",
		})
		var found any
		if err == nil {
			found, err = answer(r.Context(), q)
		}
		switch {
		case err != nil:
			http.Error(w, err.Error(), review.Status(err))
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(found) // who asked has gone
		}
	})
}

func queryOf(values url.Values) (history.Query, error) {
	q := history.Query{
		Namespace: values.Get("namespace"), Tenant: values.Get("tenant"),
		Policy: values.Get("policy"), Status: policy.Status(values.Get("status")),
	}
	since := values.Get("since")
	if since == "" {
		return q, nil
	}
	var err error
	if q.Since, err = time.Parse(time.RFC3339, since); err != nil {
		return q, fmt.Errorf("since: %w", err)
	}
	return q, nil
}
