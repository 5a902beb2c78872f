package doctor

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/report"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
)

// reports checks that somebody answers for reports where they are registered:
// where nobody does, no namespace of the cluster finishes deleting.
func (e examination) reports(ctx context.Context) []finding {
	const check = "policy reports"
	var r registrations
	for _, version := range reportapi.Versions() {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"})
		name := reportapi.APIService(version).Name
		err := e.client.Get(ctx, client.ObjectKey{Name: name}, live)
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return []finding{undecided(check, err)}
		case live.GetLabels()[report.LabelManagedBy] != report.Source:
			r.foreign = append(r.foreign, version.Group)
		case availability(live) != "":
			r.silent, r.why = append(r.silent, name), availability(live)
		default:
			r.served = append(r.served, version.Group)
		}
	}
	return []finding{r.finding(check)}
}

// registrations are how the groups of reports are registered.
type registrations struct {
	// served and foreign are groups: those that Roadbed serves and somebody else does.
	served, foreign []string
	// silent are the names of APIServices that nobody answers for, why is the
	// reason of the last one.
	silent []string
	why    string
}

func (r registrations) finding(check string) finding {
	switch {
	case len(r.silent) > 0:
		return fail(check, fmt.Sprintf("nobody answers for %s, and until then no namespace finishes deleting: %s", strings.Join(r.silent, " and "), firstLine(r.why)),
			"start what serves them (\"roadbed up\", or the Deployment roadbed-reports), or call \"kubectl delete apiservice "+strings.Join(r.silent, " ")+"\"")
	case len(r.foreign) > 0:
		return ok(check, strings.Join(r.foreign, " and ")+" is served by somebody else, and left alone")
	case len(r.served) > 0:
		return ok(check, "kubectl shows them: "+strings.Join(r.served, ", "))
	}
	return ok(check, "not in the Kubernetes API; \"roadbed policy report\" asks the server")
}

// availability is why the API server reaches nobody for a registration; empty
// when it does.
func availability(service *unstructured.Unstructured) string {
	conditions, _, err := unstructured.NestedSlice(service.Object, "status", "conditions")
	if err != nil {
		return err.Error()
	}
	for _, each := range conditions {
		condition, _ := each.(map[string]any)
		if condition["type"] != "Available" {
			continue
		}
		if condition["status"] == "True" {
			return ""
		}
		return fmt.Sprint(condition["message"])
	}
	return "the API server has not tried yet"
}
