package translate

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// TestIncrementalIsFull: whatever changes in whatever order, a Translator that looked
// at each change says what one says that looks at the World for the first time.
func TestIncrementalIsFull(t *testing.T) {
	t.Parallel()
	authority, certificate := anyCertificate(t)
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			c := &chaos{bench: newBench(t), random: rand.New(rand.NewPCG(seed, 11)), scheme: scheme(), certificate: certificate, authority: authority}
			c.change(class)
			for step := range 50 {
				for range 1 + c.random.IntN(3) {
					c.change(c.any())
				}
				if c.random.IntN(4) == 0 {
					c.writeBack()
				}
				now := c.translate()
				want := New(c.tr.settings, c.world).Translate(epoch)
				if diff := gocmp.Diff(plainly(want), plainly(now), comparably...); diff != "" {
					t.Fatalf("step %d of seed %d, after\n%s\n(-full +incremental)\n%s", step, seed, strings.Join(c.last, "\n"), diff)
				}
				c.last = nil
			}
		})
	}
}

// chaos changes a World at random.
type chaos struct {
	*bench
	random      *rand.Rand
	scheme      *runtime.Scheme
	certificate *corev1.Secret
	authority   string
	last        []string
}

func (c *chaos) pick(of ...string) string { return of[c.random.IntN(len(of))] }

// space is one of a few namespaces, name one of a few names.
func (c *chaos) space() string { return c.pick("a", "b", "c") }
func (c *chaos) name() string  { return c.pick("x", "w", "z") }

// change sets the object of a manifest, or takes it out where one begins with "-".
func (c *chaos) change(manifest string) {
	c.t.Helper()
	if manifest == "" {
		return
	}
	c.last = append(c.last, manifest)
	text, gone := strings.CutPrefix(manifest, "-")
	objects, err := apply.Decode(c.scheme, text)
	if err != nil {
		c.t.Fatalf("%v in %s", err, text)
	}
	c.born++
	object := objects[0]
	object.SetCreationTimestamp(metav1.NewTime(epoch.Add(time.Duration(len(object.GetName()+object.GetNamespace())+c.random.IntN(2)) * time.Second)))
	object.SetGeneration(int64(c.born))
	object.SetUID(types.UID(object.GetName()))
	if gone {
		c.world.Delete(object)
		return
	}
	c.world.Set(object)
}

// writeBack has some statuses come back, as the watch would bring them.
func (c *chaos) writeBack() {
	for _, object := range c.translate().Statuses {
		if c.random.IntN(3) > 0 {
			c.born++
			object.SetResourceVersion(strconv.Itoa(c.born))
			c.world.Set(object)
		}
	}
}

// any is a change; what is set is taken out again now and then.
func (c *chaos) any() string {
	made := []func() string{
		c.route, c.route, c.route, c.grpc, c.gateway, c.set, c.service, c.slice, c.grant, c.namespace, c.policy, c.tls,
		c.config, c.secret, c.subscription, c.flags, c.settings, c.class,
	}[c.random.IntN(18)]()
	if made != "" && c.random.IntN(5) == 0 {
		return "-" + made
	}
	return made
}

func (c *chaos) object(kind, namespace, name, rest string) string {
	api := map[string]string{
		"Service": "v1", "Namespace": "v1", "ConfigMap": "v1", "EndpointSlice": "discovery.k8s.io/v1",
		"AuthorizationPolicy": "gateway.roadbed.dev/v1alpha1", "RateLimitPolicy": "gateway.roadbed.dev/v1alpha1",
		"LifecyclePolicy": "gateway.roadbed.dev/v1alpha1", "Subscription": "gateway.roadbed.dev/v1alpha1",
	}[kind]
	return fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s, namespace: %s}, %s}",
		cmp.Or(api, "gateway.networking.k8s.io/v1"), kind, name, namespace, rest)
}

func (c *chaos) hosts() string {
	return c.pick("[]", "[a.example.com]", "['*.example.com']", "[b.example.com, '*.org']", "[x.a.example.com]")
}

func (c *chaos) parents() string {
	one := func() string {
		return c.pick("{name: x, namespace: a}", "{name: w, namespace: a}", "{name: x, namespace: a, sectionName: https}",
			"{name: x, kind: ListenerSet, namespace: "+c.space()+"}", "{name: nobody}")
	}
	if c.random.IntN(3) == 0 {
		return "[" + one() + ", {name: x, namespace: b}]"
	}
	return "[" + one() + "]"
}

func (c *chaos) backends() string {
	return fmt.Sprintf("[{name: %s, namespace: %s, port: %s}]", c.name(), c.space(), c.pick("80", "81"))
}

func (c *chaos) route() string {
	filters := c.pick("[]", "[]", "[]",
		"[{type: ExtensionRef, extensionRef: {group: gateway.roadbed.dev, kind: "+c.pick("AuthorizationPolicy", "RateLimitPolicy", "LifecyclePolicy")+", name: "+c.name()+"}}]",
		"[{type: RequestMirror, requestMirror: {backendRef: {name: "+c.name()+", port: 80}}}]")
	path := c.pick("{type: PathPrefix, value: /v1}", "{type: Exact, value: /v2}", "{type: RegularExpression, value: '/v[0-9]'}", "{type: RegularExpression, value: '('}")
	return c.object("HTTPRoute", c.space(), c.name(), fmt.Sprintf("spec: {hostnames: %s, parentRefs: %s, rules: [{matches: [{path: %s}], filters: %s, backendRefs: %s}]}",
		c.hosts(), c.parents(), path, filters, c.backends()))
}

func (c *chaos) grpc() string {
	return c.object("GRPCRoute", c.space(), c.name(), fmt.Sprintf("spec: {hostnames: %s, parentRefs: %s, rules: [{backendRefs: %s}]}", c.hosts(), c.parents(), c.backends()))
}

func (c *chaos) gateway() string {
	from := c.pick("All", "Same", "Selector, selector: {matchLabels: {kind: good}}")
	return c.object("Gateway", c.pick("a", "b"), c.pick("x", "w"), fmt.Sprintf(`spec: {gatewayClassName: %s, %s allowedListeners: {namespaces: {from: %s}}, listeners: [
{name: http, port: 80, protocol: HTTP, hostname: %q, allowedRoutes: {namespaces: {from: %s}}},
{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: x, namespace: %s}]}, allowedRoutes: {namespaces: {from: All}}}]}`,
		c.pick("roadbed", "roadbed", "roadbed", "other"), c.pick("", "tls: {backend: {clientCertificateRef: {name: x}}},"), from, c.pick("", "*.example.com", "a.example.com"), from, c.pick("a", "b")))
}

func (c *chaos) set() string {
	return c.object("ListenerSet", c.space(), "x", fmt.Sprintf("spec: {parentRef: {name: %s, namespace: a}, listeners: [{name: more, port: %s, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}",
		c.pick("x", "w"), c.pick("80", "8080")))
}

func (c *chaos) service() string {
	return c.object("Service", c.space(), c.name(), c.pick(
		"spec: {ports: [{name: web, port: 80}]}", "spec: {ports: [{name: web, port: 80}, {name: more, port: 81, appProtocol: kubernetes.io/h2c}]}",
		"spec: {type: ExternalName, externalName: elsewhere}"))
}

func (c *chaos) slice() string {
	return fmt.Sprintf(`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s%d, namespace: %s, labels: {kubernetes.io/service-name: %s}},
addressType: IPv4, ports: [{name: %s, port: 3000}], endpoints: [{addresses: [10.0.0.%d]}]}`, c.random.IntN(4), c.space(), c.name(), c.pick("web", "more"), c.random.IntN(4))
}

func (c *chaos) grant() string {
	return c.object("ReferenceGrant", c.space(), c.name(), fmt.Sprintf("spec: {from: [{group: gateway.networking.k8s.io, kind: %s, namespace: %s}], to: [{group: '', kind: %s}]}",
		c.pick("HTTPRoute", "GRPCRoute", "Gateway", "ListenerSet"), c.space(), c.pick("Service", "Secret")))
}

func (c *chaos) namespace() string {
	return fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {kind: %s, tenancy.roadbed.dev/tenant: %s}}}", c.space(), c.pick("good", "bad"), c.pick("''", "shop"))
}

func (c *chaos) policy() string {
	switch c.random.IntN(3) {
	case 0:
		return c.object("AuthorizationPolicy", c.space(), c.name(), "spec: {tenant: "+c.pick("Optional", "Required")+"}")
	case 1:
		return c.object("RateLimitPolicy", c.space(), c.name(), fmt.Sprintf("spec: {requests: %d, unit: Minute}", 1+c.random.IntN(2)))
	}
	return c.object("LifecyclePolicy", c.space(), c.name(), "spec: {api: databases, version: v1, stage: "+c.pick("beta", "ga")+"}")
}

func (c *chaos) tls() string {
	return c.object("BackendTLSPolicy", c.space(), c.name(), fmt.Sprintf("spec: {targetRefs: [{group: '', kind: Service, name: %s%s}], validation: {hostname: h.example.com, %s}}",
		c.name(), c.pick("", ", sectionName: web"), c.pick("wellKnownCACertificates: System", "caCertificateRefs: [{group: '', kind: ConfigMap, name: x}]")))
}

func (c *chaos) config() string {
	return c.object("ConfigMap", c.space(), "x", fmt.Sprintf("data: {ca.crt: %q}", c.pick(c.authority, "nothing")))
}

func (c *chaos) subscription() string {
	return c.object("Subscription", c.space(), c.name(), "spec: {apis: [databases]}, status: {keys: [{serial: 1, hash: "+c.pick("aa", "bb")+"}]}")
}

// secret changes the Secret that listeners have their certificate from.
func (c *chaos) secret() string {
	secret := c.certificate.DeepCopy()
	secret.Namespace = c.pick("a", "b")
	switch c.random.IntN(3) {
	case 0:
		c.world.Delete(secret)
	case 1:
		secret.Data = nil
		fallthrough
	default:
		c.world.Set(secret)
	}
	c.last = append(c.last, fmt.Sprintf("Secret %s with %d fields", secret.Namespace, len(secret.Data)))
	return ""
}

func (c *chaos) flags() string {
	c.world.SetFlags([]Flag{{Name: "early", Everybody: c.random.IntN(2) == 0}})
	return ""
}

func (c *chaos) settings() string {
	settings := c.tr.settings
	settings.ClusterIssuer = c.pick("https://one", "https://two")
	settings.Own = map[Key][]gateway.Endpoint{{Namespace: "a", Name: c.name()}: {{Address: netip.MustParseAddrPort("127.0.0.1:1")}}}
	c.tr.SetSettings(settings)
	return ""
}

func (c *chaos) class() string {
	return strings.Replace(strings.TrimSuffix(class, "---\n"), "controller}", "controller"+c.pick("", "", "", ", parametersRef: {group: g, kind: k, name: some}")+"}", 1)
}

// plainly is a Result without what is not the World's, in one order.
func plainly(r *Result) *Result {
	config := *r.Config
	config.Version = ""
	statuses := slices.SortedFunc(slices.Values(r.Statuses), func(a, b client.Object) int {
		return cmp.Or(cmp.Compare(fmt.Sprintf("%T", a), fmt.Sprintf("%T", b)), compareKeys(keyOf(a), keyOf(b)))
	})
	return &Result{Config: &config, Statuses: statuses, Secrets: r.Secrets, ConfigMaps: r.ConfigMaps}
}

var comparably = []gocmp.Option{
	cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{}),
	gocmp.Comparer(func(a, b *x509.CertPool) bool { return a == b || a != nil && b != nil && a.Equal(b) }),
	gocmp.Comparer(func(a, b *regexp.Regexp) bool { return a == b || a != nil && b != nil && a.String() == b.String() }),
	gocmp.Comparer(func(a, b tls.Certificate) bool {
		return bytes.Equal(bytes.Join(a.Certificate, nil), bytes.Join(b.Certificate, nil))
	}),
}

// anyCertificate is an authority, and a Secret with a certificate of it.
func anyCertificate(t *testing.T) (authority string, secret *corev1.Secret) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: epoch.AddDate(50, 0, 0), DNSNames: []string{"h.example.com"}, IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Data: map[string][]byte{
		corev1.TLSCertKey: []byte(authority), corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}}
	return authority, secret
}
