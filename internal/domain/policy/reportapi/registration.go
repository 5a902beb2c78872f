package reportapi

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/report"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// ServiceName is the Service, in Roadbed's namespace, that leads to the server.
const ServiceName = "roadbed-reports"

// Host is the name that the server's certificate must have.
const Host = ServiceName + "." + identity.SystemNamespace + ".svc"

// servicePort is where the Service of a cluster answers.
const servicePort = 443

// loopback is where a server beside the API server listens. EndpointSlices
// refuse it, the name of an ExternalName Service does not.
const loopback = "127.0.0.1"

// Priorities of the groups among all of the cluster's: those of
// CustomResourceDefinitions.
const (
	groupPriority   = 1000
	versionPriority = 100
)

// ErrForeign is what Register reports when somebody else serves a group of
// reports already, such as the CustomResourceDefinitions of a Kyverno.
var ErrForeign = errors.New("somebody else serves reports in this cluster")

// Registration is how the cluster's API server finds the server. The client
// needs the scheme of apiregistration.k8s.io/v1.
type Registration struct {
	Client client.Client
	// Authority is the PEM certificate that vouches for the server.
	Authority []byte
	// LoopbackPort is the port of a server on the API server's own machine; 0
	// where a Service with pods exists.
	LoopbackPort int32
}

// Register tells the API server where reports are. It may be called again.
// Groups that somebody else serves are left alone: the error is ErrForeign then,
// and the other groups are registered all the same.
func (r Registration) Register(ctx context.Context) error {
	port := int32(servicePort)
	if r.LoopbackPort != 0 {
		port = r.LoopbackPort
		if err := r.pointHere(ctx); err != nil {
			return fmt.Errorf("register the API of reports: %w", err)
		}
	}
	var errs []error
	for _, version := range Versions() {
		if err := r.registerOne(ctx, version, port); err != nil {
			errs = append(errs, fmt.Errorf("register the API of reports: %w", err))
		}
	}
	return errors.Join(errs...)
}

// pointHere makes a Service that leads to this machine.
func (r Registration) pointHere(ctx context.Context) error {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: ServiceName}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, service, func() error {
		mark(service)
		service.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: loopback, SessionAffinity: service.Spec.SessionAffinity}
		return nil
	})
	return err
}

func (r Registration) registerOne(ctx context.Context, version schema.GroupVersion, port int32) error {
	wanted := APIService(version)
	live := &apiregistrationv1.APIService{ObjectMeta: metav1.ObjectMeta{Name: wanted.Name}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, live, func() error {
		if live.UID != "" && !ours(live) {
			return fmt.Errorf("%s: %w", live.Name, ErrForeign)
		}
		mark(live)
		live.Spec = wanted.Spec
		live.Spec.Service.Port, live.Spec.CABundle = &port, r.Authority
		return nil
	})
	return err
}

// APIService is the registration of a group, before it is known where it is
// served and who vouches for it.
func APIService(version schema.GroupVersion) *apiregistrationv1.APIService {
	service := &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: version.Version + "." + version.Group},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: version.Group, Version: version.Version,
			GroupPriorityMinimum: groupPriority, VersionPriority: versionPriority,
			Service: &apiregistrationv1.ServiceReference{Namespace: identity.SystemNamespace, Name: ServiceName},
		},
	}
	mark(service)
	return service
}

func mark(object client.Object) {
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[report.LabelManagedBy] = report.Source
	object.SetLabels(labels)
}

func ours(object client.Object) bool {
	return object.GetLabels()[report.LabelManagedBy] == report.Source
}

// Unregister takes back what Register said, so that the API server asks nobody
// any more. What is not Roadbed's stays. The Service of pods stays too.
func Unregister(ctx context.Context, c client.Client) error {
	var errs []error
	for _, version := range Versions() {
		live := &apiregistrationv1.APIService{}
		err := c.Get(ctx, client.ObjectKey{Name: APIService(version).Name}, live)
		if err == nil && ours(live) {
			err = c.Delete(ctx, live, client.Preconditions{UID: &live.UID})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("take back the API of reports: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Withdraw is Unregister for a server on the API server's own machine. Where the
// Service leads to pods, they serve, and it leaves everything as it is.
func Withdraw(ctx context.Context, c client.Client) error {
	service := &corev1.Service{}
	err := c.Get(ctx, client.ObjectKey{Namespace: identity.SystemNamespace, Name: ServiceName}, service)
	if apierrors.IsNotFound(err) || err == nil && service.Spec.Type != corev1.ServiceTypeExternalName {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take back the API of reports: %w", err)
	}
	return Unregister(ctx, c)
}
