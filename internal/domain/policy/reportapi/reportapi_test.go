package reportapi_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/adapter/database"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// patience is how long tests wait for what takes a moment.
const patience = time.Minute

// scene is a server of reports behind a real API server.
type scene struct {
	env    *kubetest.Env
	client client.Client
	store  *history.Store
	stop   func()
}

// start puts a plane of the test's own and a server behind it. Where is a
// database; empty for SQLite in a file.
func start(t *testing.T, where string) *scene {
	t.Helper()
	env := kubetest.Private(t)
	check(t, apiregistrationv1.AddToScheme(env.Scheme))
	direct, err := client.New(env.Admin, client.Options{Scheme: env.Scheme})
	check(t, err)
	s := &scene{env: env, client: direct}
	if where == "" {
		where = filepath.Join(t.TempDir(), "history.db")
	}
	db, dialect, err := database.Open(t.Context(), where)
	check(t, err)
	t.Cleanup(func() { _ = db.Close() })
	s.store, err = history.Open(t.Context(), db, dialect, clock.RealClock{})
	check(t, err)
	s.create(t, namespace(identity.SystemNamespace))
	s.serve(t)
	return s
}

// serve runs a server and registers it; s.stop stops it as a crash would.
func (s *scene) serve(t *testing.T) {
	t.Helper()
	direct, err := kubernetes.NewForConfig(s.env.Admin)
	check(t, err)
	server, err := reportapi.New(t.Context(), reportapi.Deps{
		Client: direct, Store: s.store, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler),
	})
	check(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	authority, pair := certificate(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener, func() *tls.Certificate { return &pair }) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		check(t, <-done)
	})
	t.Cleanup(s.stop)
	check(t, reportapi.Registration{
		Client: s.client, Authority: authority, LoopbackPort: int32(listener.Addr().(*net.TCPAddr).Port),
	}.Register(t.Context()))
	kubetest.Eventually(t, patience, "reports are served, and known by both names", func() error {
		_, known, err := direct.Discovery().ServerGroupsAndResources()
		for group, resource := range map[string]string{"wgpolicyk8s.io/v1alpha2": "policyreports", "openreports.io/v1alpha1": "reports"} {
			_, failed := s.reports(t, s.env.Admin, resource).List(t.Context(), metav1.ListOptions{Limit: 1})
			if err = errors.Join(err, failed); !slices.ContainsFunc(known, func(l *metav1.APIResourceList) bool { return l.GroupVersion == group }) {
				err = errors.Join(err, fmt.Errorf("%s is not known", group))
			}
		}
		return err
	})
}

func (s *scene) reports(t *testing.T, config *rest.Config, resource string) dynamic.NamespaceableResourceInterface {
	t.Helper()
	d, err := dynamic.NewForConfig(config)
	check(t, err)
	version := schema.GroupVersion{Group: "wgpolicyk8s.io", Version: "v1alpha2"}
	if !strings.Contains(resource, "policy") {
		version = schema.GroupVersion{Group: "openreports.io", Version: "v1alpha1"}
	}
	return d.Resource(version.WithResource(resource))
}

// put has policies say something of a pod.
func (s *scene) put(t *testing.T, in, name string, statuses ...policy.Status) {
	t.Helper()
	j := history.Judgement{Subject: history.Subject{
		APIVersion: "v1", Kind: "Pod", Namespace: in, Name: name, UID: "uid-" + in + "-" + name, Tenant: in,
	}}
	if in == "" {
		j.Subject.Kind, j.Subject.APIVersion = "ClusterRole", "rbac.authorization.k8s.io/v1"
	}
	for i, status := range statuses {
		j.Results = append(j.Results, policy.Result{
			Policy: "limits", Kind: "ValidatingPolicy", Rule: fmt.Sprintf("validations[%d]", i), Tier: policy.Default, Lane: policy.Native,
			Status: status, Message: "a limit is missing", Severity: "medium",
		})
	}
	check(t, s.store.Put(t.Context(), j))
}

func (s *scene) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := s.client.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// kubectl calls the real kubectl as a user.
func (s *scene) kubectl(t *testing.T, kubeconfig string, args ...string) (string, error) {
	t.Helper()
	binary, err := kubetest.Binary()
	check(t, err)
	command := exec.CommandContext(t.Context(), binary, append([]string{"kubectl", "--kubeconfig", kubeconfig}, args...)...)
	command.Env = append(command.Environ(), "HOME="+t.TempDir())
	said, err := command.CombinedOutput()
	return string(said), err
}

// certificate is an authority and a serving certificate of it.
func certificate(t *testing.T) ([]byte, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: reportapi.Host}, DNSNames: []string{reportapi.Host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPeople asks one server in all the ways people do.
func TestPeople(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	for _, name := range []string{"apples", "pears"} {
		s.create(t, namespace(name))
		s.put(t, name, "web", policy.Fail)
	}
	t.Run("rights", s.rights)
	t.Run("over HTTP", s.http)
	t.Run("with kubectl", s.types)
	t.Run("kubectl watches", s.watches)
}

// types is what a person types.
func (s *scene) types(t *testing.T) {
	s.put(t, "apples", "web", policy.Fail, policy.Pass)
	s.put(t, "pears", "db", policy.Pass)
	s.put(t, "", "admin", policy.Warn)
	admin := s.env.Kubeconfig(t, "admin", "system:masters")
	for _, c := range []struct {
		name  string
		args  []string
		wants []string
		not   string
	}{
		{"all namespaces", []string{"get", "polr", "-A"}, []string{"uid-apples-web", "Pod", "uid-pears-db", "PASS", "FAIL"}, "POLICIES"},
		{"one namespace", []string{"get", "polr", "-n", "apples"}, []string{"uid-apples-web"}, "uid-pears-db"},
		{"wide", []string{"get", "reports", "-n", "apples", "-o", "wide"}, []string{"POLICIES", "limits"}, "uid-pears-db"},
		{"of the cluster", []string{"get", "cpolr"}, []string{"uid--admin", "ClusterRole"}, "uid-apples-web"},
		{"openreports' names", []string{"get", "reps,creps", "-A"}, []string{"uid-apples-web", "uid--admin"}, "POLICIES"},
		{
			"one, whole",
			[]string{"get", "policyreport", "uid-apples-web", "-n", "apples", "-o", "yaml"},
			[]string{"tier: Default", "lane: native", "severity: medium", "source: roadbed", "fail: 1", "kind: PolicyReport"},
			"uid-pears-db",
		},
		{"by a label", []string{"get", "polr", "-A", "-l", "tenancy.roadbed.dev/tenant=pears"}, []string{"uid-pears-db"}, "uid-apples-web"},
		{"by a field", []string{"get", "polr", "-A", "--field-selector", "scope.name=web"}, []string{"uid-apples-web"}, "uid-pears-db"},
		{"in pages", []string{"get", "polr", "-A", "--chunk-size=1"}, []string{"uid-apples-web", "uid-pears-db"}, "uid--admin"},
		{"what there is", []string{"api-resources", "--api-group=wgpolicyk8s.io"}, []string{"policyreports", "polr", "clusterpolicyreports"}, "create"},
	} {
		t.Run(c.name, func(t *testing.T) {
			said, err := s.kubectl(t, admin, c.args...)
			check(t, err)
			for _, want := range c.wants {
				if !strings.Contains(said, want) {
					t.Errorf("kubectl %s says\n%s\nwithout %q", strings.Join(c.args, " "), said, want)
				}
			}
			if strings.Contains(said, c.not) {
				t.Errorf("kubectl %s says\n%s\nwith %q", strings.Join(c.args, " "), said, c.not)
			}
		})
	}
	t.Run("explained", func(t *testing.T) {
		kubetest.Eventually(t, patience, "the API server has asked for the schemas", func() error {
			for field, want := range map[string]string{
				"polr.results.result": "result is pass, fail, warn, error or skip", "creps": "KIND:       ClusterReport", "reports.summary": "skip counts the rules",
			} {
				said, err := s.kubectl(t, admin, "explain", field)
				if err == nil && !strings.Contains(said, want) {
					err = fmt.Errorf("kubectl explain %s says\n%s\nwithout %q", field, said, want)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	t.Run("nothing is written", func(t *testing.T) {
		said, err := s.kubectl(t, admin, "delete", "polr", "uid-apples-web", "-n", "apples")
		if err == nil {
			t.Errorf("a report was deleted: %s", said)
		}
	})
}

// rights: RBAC decides whose reports one reads.
func (s *scene) rights(t *testing.T) {
	s.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "reports"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"openreports.io", "wgpolicyk8s.io"}, Resources: []string{"reports", "policyreports"}, Verbs: []string{"get", "list", "watch"},
	}}})
	s.create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "apples", Name: "reports"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "reports"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "ada"}},
	})
	ada := s.env.Kubeconfig(t, "ada")
	kubetest.Eventually(t, patience, "ada sees her namespace", func() error {
		said, err := s.kubectl(t, ada, "get", "polr", "-n", "apples")
		if err == nil && !strings.Contains(said, "uid-apples-web") {
			err = fmt.Errorf("she sees %s", said)
		}
		return err
	})
	for _, args := range [][]string{
		{"get", "polr", "-n", "pears"},
		{"get", "reports", "-n", "pears"},
		{"get", "polr", "-A"},
		{"get", "cpolr"},
		{"get", "polr", "uid-pears-web", "-n", "pears"},
	} {
		said, err := s.kubectl(t, ada, args...)
		if err == nil || !strings.Contains(said, "forbidden") {
			t.Errorf("kubectl %s as ada: %v\n%s\nwant forbidden", strings.Join(args, " "), err, said)
		}
	}
	if said, err := s.kubectl(t, ada, "get", "polr", "uid-pears-web", "-n", "apples"); err == nil {
		t.Errorf("a report of another namespace was read through her own: %s", said)
	}
}

// TestWatch: a list and a watch from its version miss nothing.
func TestWatch(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	s.put(t, "apples", "web", policy.Fail)
	reports := s.reports(t, s.env.Admin, "policyreports").Namespace("apples")
	list, err := reports.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	s.put(t, "pears", "db", policy.Fail)                // of another namespace
	s.put(t, "apples", "web", policy.Pass)              // changes
	s.put(t, "apples", "job", policy.Fail, policy.Pass) // comes
	watching, err := reports.Watch(t.Context(), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	check(t, err)
	defer watching.Stop()
	expect(t, watching, watch.Modified, "uid-apples-web")
	expect(t, watching, watch.Added, "uid-apples-job")
	check(t, s.store.Delete(t.Context(), "uid-apples-web"))
	last := expect(t, watching, watch.Deleted, "uid-apples-web")

	t.Run("one that goes on is told what it missed", func(t *testing.T) {
		s.put(t, "apples", "job", policy.Pass, policy.Pass)
		again, err := reports.Watch(t.Context(), metav1.ListOptions{ResourceVersion: last})
		check(t, err)
		defer again.Stop()
		expect(t, again, watch.Modified, "uid-apples-job")
	})
	t.Run("one without a version begins with what there is", func(t *testing.T) {
		again, err := reports.Watch(t.Context(), metav1.ListOptions{})
		check(t, err)
		defer again.Stop()
		expect(t, again, watch.Added, "uid-apples-job")
	})
	t.Run("one may begin with what there is, and be told where that ends", func(t *testing.T) {
		for _, bookmarks := range []bool{true, false} {
			begins(t, s, reports, bookmarks)
		}
	})
	t.Run("one from before what is kept is told to list", func(t *testing.T) {
		s.put(t, "apples", "job", policy.Fail, policy.Pass)
		_, err := s.store.Prune(t.Context(), time.Now().Add(time.Hour))
		check(t, err)
		_, err = reports.Watch(t.Context(), metav1.ListOptions{ResourceVersion: "1"})
		if !apierrors.IsResourceExpired(err) {
			t.Errorf("error %v, want an expired version", err)
		}
	})
}

// begins: a watch tells what there is, where that ends if it may, and goes on.
func begins(t *testing.T, s *scene, reports dynamic.ResourceInterface, bookmarks bool) {
	t.Helper()
	all, err := reports.Watch(t.Context(), metav1.ListOptions{
		SendInitialEvents: new(true), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: bookmarks,
	})
	check(t, err)
	defer all.Stop()
	expect(t, all, watch.Added, "uid-apples-job")
	if bookmarks {
		expect(t, all, watch.Bookmark, "")
	}
	s.put(t, "apples", "late", policy.Fail)
	expect(t, all, watch.Added, "uid-apples-late")
	check(t, s.store.Delete(t.Context(), "uid-apples-late"))
	expect(t, all, watch.Deleted, "uid-apples-late")
}

// watches: kubectl get -w prints what changes.
func (s *scene) watches(t *testing.T) {
	s.put(t, "apples", "web", policy.Fail)
	binary, err := kubetest.Binary()
	check(t, err)
	command := exec.CommandContext(t.Context(), binary, "kubectl", "--kubeconfig", s.env.Kubeconfig(t, "admin", "system:masters"), "get", "polr", "-n", "apples", "-w")
	command.Env = append(command.Environ(), "HOME="+t.TempDir())
	said, err := command.StdoutPipe()
	check(t, err)
	check(t, command.Start())
	t.Cleanup(func() { _ = command.Wait() }) // it ends with the test's context
	lines := bufio.NewScanner(said)
	await := func(what string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), what) {
				return
			}
		}
		t.Fatalf("kubectl ended without %q: %v", what, lines.Err())
	}
	await("uid-apples-web")
	s.put(t, "apples", "job", policy.Fail)
	await("uid-apples-job")
	check(t, s.store.Delete(t.Context(), "uid-apples-job"))
	await("uid-apples-job")
}

func expect(t *testing.T, watching watch.Interface, kind watch.EventType, name string) (version string) {
	t.Helper()
	select {
	case event, open := <-watching.ResultChan():
		object, ok := event.Object.(client.Object)
		if !open || !ok || event.Type != kind || object.GetName() != name {
			t.Fatalf("event %s %v, want %s %s", event.Type, event.Object, kind, name)
		}
		return object.GetResourceVersion()
	case <-time.After(patience):
		t.Fatalf("no event, want %s %s", kind, name)
	}
	return ""
}

// TestNamespacesEnd: with the server up they finish deleting; with nobody behind
// the APIService they do not; without the APIService they do again.
func TestNamespacesEnd(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	for _, name := range []string{"first", "second"} {
		s.create(t, namespace(name))
	}
	check(t, s.client.Delete(t.Context(), namespace("first")))
	s.gone(t, "first")
	s.stop()
	kubetest.Eventually(t, patience, "the API server notices", func() error {
		var service apiregistrationv1.APIService
		check(t, s.client.Get(t.Context(), client.ObjectKey{Name: "v1alpha2.wgpolicyk8s.io"}, &service))
		for _, condition := range service.Status.Conditions {
			if condition.Status == apiregistrationv1.ConditionFalse {
				return nil
			}
		}
		return fmt.Errorf("conditions %v", service.Status.Conditions)
	})
	check(t, s.client.Delete(t.Context(), namespace("second")))
	kubetest.Eventually(t, patience, "the namespace says why it stays", func() error {
		var live corev1.Namespace
		if err := s.client.Get(t.Context(), client.ObjectKey{Name: "second"}, &live); err != nil {
			t.Fatalf("it is gone, which this design does not count on: %v", err)
		}
		for _, condition := range live.Status.Conditions {
			if condition.Type == corev1.NamespaceDeletionDiscoveryFailure && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("conditions %v", live.Status.Conditions)
	})
	check(t, reportapi.Unregister(t.Context(), s.client))
	s.gone(t, "second")
}

func (s *scene) gone(t *testing.T, name string) {
	t.Helper()
	kubetest.Eventually(t, patience, "namespace "+name+" is gone", func() error {
		err := s.client.Get(t.Context(), client.ObjectKey{Name: name}, &corev1.Namespace{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there: %w", err)
	})
}

// TestEtcdHasNone: what is served is stored nowhere in the cluster.
func TestEtcdHasNone(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	const marker = "nobody-else-says-this"
	s.put(t, "apples", marker, policy.Fail)
	said, err := s.kubectl(t, s.env.Kubeconfig(t, "admin", "system:masters"), "get", "polr", "-A")
	check(t, err)
	if !strings.Contains(said, marker) {
		t.Fatalf("kubectl does not show the report: %s", said)
	}
	check(t, s.env.Plane.Stop(context.Background()))
	found := 0
	for _, file := range etcdFiles(t, s.env.Plane.Status().DataDir) {
		if bytes.Contains(file, []byte(marker)) {
			found++
		}
	}
	if found > 0 {
		t.Errorf("%d files of etcd have the report", found)
	}
}
