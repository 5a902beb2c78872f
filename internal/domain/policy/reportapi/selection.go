package reportapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// selection is which reports are asked for.
type selection struct {
	labels labels.Selector
	fields fields.Selector
}

func selectionOf(o *metainternalversion.ListOptions) selection {
	s := selection{labels.Everything(), fields.Everything()}
	if o != nil && o.LabelSelector != nil {
		s.labels = o.LabelSelector
	}
	if o != nil && o.FieldSelector != nil {
		s.fields = o.FieldSelector
	}
	return s
}

// query is what the history can select by itself: everything that matches has
// it, and matches decides on the rest.
func (s selection) query(k kind, namespace string) history.Query {
	q := history.Query{Namespace: namespace, Clustered: !k.namespaced, Namespaced: k.namespaced}
	if name, ok := s.fields.RequiresExactMatch("metadata.name"); ok {
		q.UID = name
	}
	if in, ok := s.fields.RequiresExactMatch("metadata.namespace"); ok && namespace == "" {
		q.Namespace = in
	}
	if tenant, ok := s.labels.RequiresExactMatch(tenancyv1alpha1.LabelTenant); ok {
		q.Tenant = tenant
	}
	return q
}

// matches tells whether a report is asked for.
func (s selection) matches(v view) bool {
	set := fields.Set{"metadata.name": v.meta.Name, "metadata.namespace": v.meta.Namespace}
	if v.scope != nil {
		set[fieldKind], set[fieldName] = v.scope.Kind, v.scope.Name
	}
	return s.labels.Matches(labels.Set(v.meta.Labels)) && s.fields.Matches(set)
}

// place is where a list goes on.
type place struct {
	// Revision is that of the first page.
	Revision int64 `json:"revision"`
	// After is the last UID that was shown.
	After string `json:"after"`
}

// encode is the place as a client carries it.
func (p place) encode() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("encode a place in a list: %v", err)) // a number and a string
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parsePlace reads what encode wrote.
func parsePlace(token string) (place, error) {
	var p place
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.After == "" || p.Revision < 0 {
		return place{}, apierrors.NewBadRequest("the continue token is not one of this server's: begin the list again")
	}
	return p, nil
}
