package platformapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// page is where a list goes on: in a namespace, behind what the API server said.
// Revision is that of the list's beginning: whatever changed since, a watch from
// there tells.
type page struct {
	Namespace string `json:"n"`
	Continue  string `json:"c,omitempty"`
	Revision  string `json:"r,omitempty"`
}

// token is a page as callers see it.
func (p page) token() string {
	text, err := json.Marshal(p)
	if err != nil { // strings always marshal
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parsePage reads a token; the empty one is the beginning.
func parsePage(token string) (page, error) {
	var p page
	if token == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.Namespace == "" {
		return page{}, errors.New(`query parameter "continue": it is none that a list gave`)
	}
	return p, nil
}

// list answers with a page of claims, or streams changes.
func (h *Handler) list(w http.ResponseWriter, r *http.Request, to *target) {
	if to.watch && r.Method == http.MethodHead {
		problem.Write(w, problem.New(http.StatusBadRequest, "a watch has no end to tell the head of: use GET"))
		return
	}
	if to.watch {
		h.stream(w, r, to)
		return
	}
	from, err := parsePage(to.next)
	if err != nil {
		problem.Write(w, problem.New(http.StatusBadRequest, err.Error()))
		return
	}
	items, next, err := h.pageOf(r.Context(), to, &from)
	if err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	metadata := map[string]any{"resourceVersion": from.Revision}
	if next != nil {
		metadata["continue"] = next.token()
	}
	send(w, http.StatusOK, map[string]any{
		"apiVersion": to.resource.Group + "/" + to.version, "kind": to.kind + "List", "metadata": metadata, "items": items,
	})
}

// pageOf reads up to a page's limit of claims, one namespace after the other, and
// puts down the revision where the list begins.
func (h *Handler) pageOf(ctx context.Context, to *target, from *page) (items []any, next *page, err error) {
	items = []any{}
	for i, namespace := range to.namespaces {
		if namespace < from.Namespace {
			continue
		}
		left := to.limit - int64(len(items))
		if left <= 0 {
			return items, &page{Namespace: namespace, Revision: from.Revision}, nil
		}
		options := metav1.ListOptions{Limit: left}
		if namespace == from.Namespace {
			options.Continue = from.Continue
		}
		client, err := h.accounts.As(ctx, namespace)
		if err != nil {
			return nil, nil, err
		}
		found, err := client.Resource(to.resource).Namespace(namespace).List(ctx, options)
		if err != nil {
			return nil, nil, err
		}
		from.Revision = cmp.Or(from.Revision, found.GetResourceVersion())
		for j := range found.Items {
			items = append(items, present(&found.Items[j]).Object)
		}
		if found.GetContinue() != "" {
			return items, &page{Namespace: to.namespaces[i], Continue: found.GetContinue(), Revision: from.Revision}, nil
		}
	}
	return items, nil, nil
}
