package platformapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// Bounds of what a request may ask for.
const (
	defaultLimit = 100
	maxLimit     = 500
	maxContinue  = 4096
)

// address is what a path and query name.
type address struct {
	version, api, name string
	namespace          string
	limit              int64
	next               string
	watch              bool
	revision           string
}

// parseAddress reads a path of the form /VERSION/API[/NAME] and its query.
func parseAddress(path string, query url.Values) (address, error) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return address{}, errors.New("the path is no API: see /openapi.json for those there are")
	}
	at := address{version: parts[0], api: parts[1], limit: defaultLimit}
	if len(parts) == 3 {
		at.name = parts[2]
		if said := validation.IsDNS1123Subdomain(at.name); len(said) > 0 {
			return address{}, fmt.Errorf("name: %s", said[0])
		}
	}
	for key, values := range query {
		if len(values) != 1 {
			return address{}, fmt.Errorf("query parameter %q: give it once", key)
		}
		if err := at.parameter(key, values[0]); err != nil {
			return address{}, fmt.Errorf("query parameter %q: %w", key, err)
		}
	}
	if at.revision != "" && !at.watch {
		return address{}, errors.New(`query parameter "resourceVersion": it says where a watch begins, and this is none`)
	}
	return at, nil
}

func (a *address) parameter(key, value string) (err error) {
	collection := a.name == ""
	switch {
	case key == "namespace":
		if said := validation.IsDNS1123Label(value); len(said) > 0 {
			return errors.New(said[0])
		}
		a.namespace = value
	case key == "limit" && collection:
		a.limit, err = strconv.ParseInt(value, 10, 64)
		if err != nil || a.limit < 1 || a.limit > maxLimit {
			return fmt.Errorf("it must be a number from 1 to %d", maxLimit)
		}
	case key == "continue" && collection:
		if len(value) > maxContinue {
			return errors.New("it is none that a list gave")
		}
		a.next = value
	case key == "watch" && collection:
		if a.watch, err = strconv.ParseBool(value); err != nil {
			return errors.New("it must be true or false")
		}
	case key == "resourceVersion" && collection:
		if _, err := strconv.ParseUint(value, 10, 64); err != nil {
			return errors.New("it is none that a list gave")
		}
		if value != "0" { // as Kubernetes has it: any
			a.revision = value
		}
	default:
		return errors.New("there is no such parameter here")
	}
	return nil
}

// target is a version of a capability in the caller's namespaces.
type target struct {
	address
	// verb is what the request does, as RBAC has it.
	verb       string
	caller     Caller
	capability *v1alpha1.Capability
	resource   schema.GroupVersionResource
	kind       string
	// namespaces are where to look, one or more; for a write exactly one.
	namespaces []string
}

// find says what a request is about, and who makes it.
func (h *Handler) find(w http.ResponseWriter, r *http.Request) (*target, *problem.Problem) {
	at, err := parseAddress(r.URL.Path, r.URL.Query())
	if err != nil {
		return nil, refusal(http.StatusBadRequest, err.Error())
	}
	capabilities, err := h.catalogue.Capabilities(r.Context())
	if err != nil {
		return nil, h.failure(err)
	}
	found := published(capabilities, at)
	if found == nil {
		return nil, refusal(http.StatusNotFound, fmt.Sprintf("there is no API /%s/%s: see /openapi.json for those there are", at.version, at.api))
	}
	caller, wrong := h.caller(w, r, found)
	if wrong != nil {
		return nil, wrong
	}
	to := &target{
		address: at, verb: verbOf(r.Method, at), caller: caller, capability: found, kind: found.Spec.Names.Kind,
		resource: schema.GroupVersionResource{Group: cmp.Or(found.Spec.Group, v1alpha1.ClaimsGroup), Version: at.version, Resource: found.Spec.Names.Plural},
	}
	return to, h.place(r.Context(), to)
}

// caller says who makes a request of an API.
func (h *Handler) caller(w http.ResponseWriter, r *http.Request, found *v1alpha1.Capability) (Caller, *problem.Problem) {
	caller, err := h.authenticator.Authenticate(r, found)
	refused, isRefusal := errors.AsType[*RefusalError](err)
	switch {
	case isRefusal:
		if refused.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", cmp.Or(refused.Challenge, "Bearer"))
		}
		return caller, refusal(refused.Status, refused.Detail)
	case err != nil:
		h.log.Error("a caller cannot be authenticated", "error", err)
		return caller, refusal(http.StatusServiceUnavailable, "who you are cannot be found out now: try again")
	case caller.Tenant == "":
		return caller, refusal(http.StatusForbidden, "you belong to no tenant: call from a namespace of your tenant, or as a member of one")
	}
	return caller, nil
}

// published is the capability whose version is served under the address, nil
// when there is none.
func published(capabilities []*v1alpha1.Capability, at address) *v1alpha1.Capability {
	for _, each := range capabilities {
		if cmp.Or(each.Spec.API, each.Spec.Names.Plural) != at.api {
			continue
		}
		for i := range each.Spec.Versions {
			if v := &each.Spec.Versions[i]; v.Name == at.version && served(v) {
				return each
			}
		}
	}
	return nil
}

func served(v *v1alpha1.CapabilityVersion) bool {
	return v.Stage != v1alpha1.StageRemoved && (v.Served == nil || *v.Served)
}

// place says in which of the tenant's namespaces the request is meant.
func (h *Handler) place(ctx context.Context, to *target) *problem.Problem {
	own, err := h.catalogue.Namespaces(ctx, to.caller.Tenant)
	if err != nil {
		return h.failure(err)
	}
	if to.caller.Namespace == "" {
		if wrong := h.member(ctx, to); wrong != nil {
			return wrong
		}
	}
	wanted := to.namespace
	if wanted == "" {
		wanted = to.caller.Namespace
	}
	switch {
	case len(own) == 0:
		return refusal(http.StatusForbidden, fmt.Sprintf("tenant %q has no namespace yet", to.caller.Tenant))
	case wanted == "":
		to.namespaces = own
	case slices.Contains(own, wanted):
		to.namespaces = []string{wanted}
		return h.allowed(ctx, to, wanted)
	default:
		return refusal(http.StatusForbidden, fmt.Sprintf("namespace %q is none of tenant %q: it has %s", wanted, to.caller.Tenant, strings.Join(own, ", ")))
	}
	return nil
}

// verbOf is what a request does to claims.
func verbOf(method string, at address) string {
	switch {
	case method == http.MethodPost:
		return "create"
	case method == http.MethodPatch:
		return "patch"
	case method == http.MethodDelete:
		return "delete"
	case at.watch:
		return "watch"
	case at.name == "":
		return "list"
	}
	return "get"
}

// allowed refuses what a workload or a key needs a role for and has none: to
// give up claims, and all it does in namespaces other than its own.
func (h *Handler) allowed(ctx context.Context, to *target, namespace string) *problem.Problem {
	home := to.caller.Namespace
	if home == "" || namespace == home && to.verb != "delete" {
		return nil
	}
	may, err := h.accounts.May(ctx, authorizationv1.SubjectAccessReviewSpec{
		User: to.caller.Name, Groups: groupsOf(to.caller),
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: to.verb, Group: to.resource.Group, Resource: to.resource.Resource, Version: to.version, Name: to.name,
		},
	})
	switch {
	case err != nil:
		h.log.Error("what a caller may do cannot be found out", "error", err)
		return refusal(http.StatusServiceUnavailable, "what you may do cannot be found out now: try again")
	case !may:
		return refusal(http.StatusForbidden, fmt.Sprintf("%q may not %s %s in namespace %q: bind a role to it there that lets it", to.caller.Name, to.verb, to.resource.Resource, namespace))
	}
	return nil
}

// groupsOf are those that the cluster counts one of its own workloads among.
func groupsOf(caller Caller) []string {
	namespace, _, err := serviceaccount.SplitUsername(caller.Name)
	if err != nil || namespace != caller.Namespace {
		return nil // a key
	}
	return append(serviceaccount.MakeGroupNames(namespace), user.AllAuthenticated)
}

// one is the namespace of a request that is about one claim.
func (t *target) one() (string, *problem.Problem) {
	if len(t.namespaces) == 1 {
		return t.namespaces[0], nil
	}
	return "", refusal(http.StatusBadRequest, "say in which namespace, as ?namespace=: the tenant has "+strings.Join(t.namespaces, ", "))
}

func refusal(status int, detail string) *problem.Problem {
	p := problem.New(status, detail)
	return &p
}
