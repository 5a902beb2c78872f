// Package trust reads the certificates and the authorities that Gateways, listeners and
// policies refer to, each once while its object stays the same, so that what was made of
// one is the same pointer.
package trust

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"
)

// Certificate is what a Secret has.
type Certificate struct {
	// Value is what to show.
	Value tls.Certificate

	secret *corev1.Secret
	fault  string
}

// pool is a set of authorities.
type pool struct {
	sources []*corev1.ConfigMap
	pool    *x509.CertPool
	faults  finding.Faults
}

// Store is what was read of a World. It is not safe for concurrent use.
type Store struct {
	world        *world.World
	certificates map[world.Key]*Certificate
	pools        map[string]*pool
	nobody       *x509.CertPool
	// secrets, configMaps and named are what was asked for since Begin.
	secrets, configMaps map[world.Key]bool
	named               map[string]bool
}

// New returns a Store that has read nothing.
func New(w *world.World) *Store {
	return &Store{world: w, certificates: map[world.Key]*Certificate{}, pools: map[string]*pool{}, nobody: x509.NewCertPool()}
}

// Begin begins to note what is asked for.
func (s *Store) Begin() {
	s.secrets, s.configMaps, s.named = map[world.Key]bool{}, map[world.Key]bool{}, map[string]bool{}
}

// End forgets what was not asked for since Begin, and says what was, sorted, whether it
// is there or not.
func (s *Store) End() (secrets, configMaps []world.Key) {
	maps.DeleteFunc(s.certificates, func(key world.Key, _ *Certificate) bool { return !s.secrets[key] })
	maps.DeleteFunc(s.pools, func(name string, _ *pool) bool { return !s.named[name] })
	return slices.SortedFunc(maps.Keys(s.secrets), compare), slices.SortedFunc(maps.Keys(s.configMaps), compare)
}

func compare(a, b world.Key) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// Nobody is the pool that verifies nothing.
func (s *Store) Nobody() *x509.CertPool { return s.nobody }

// The core kinds that certificates and authorities are in.
const (
	secretKind    = "Secret"
	configMapKind = "ConfigMap"
)

// Certificate reads the one that a reference names; reason is for what is wrong with the
// Secret itself.
func (s *Store) Certificate(from world.Referrer, ref *gatewayv1.SecretObjectReference, reason string) (*Certificate, finding.Faults) {
	var wrong finding.Faults
	key := world.Key{Namespace: from.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil && *ref.Namespace != "" {
		key.Namespace = string(*ref.Namespace)
	}
	var group, kind string
	if ref.Group != nil {
		group = string(*ref.Group)
	}
	if ref.Kind != nil {
		kind = string(*ref.Kind)
	}
	if kind = cmp.Or(kind, secretKind); group != "" || kind != secretKind {
		wrong.Add(reason, fmt.Sprintf("Certificates are taken from Secrets, not from %s %q.", finding.Qualified(group, kind), key.Name))
		return nil, wrong
	}
	if !s.world.Permitted(from, secretKind, key) {
		wrong.Add(string(gatewayv1.ListenerReasonRefNotPermitted), world.MissingGrant(from, secretKind, key))
		return nil, wrong
	}
	found := s.certificate(key)
	if found.fault != "" {
		wrong.Add(reason, found.fault)
		return nil, wrong
	}
	return found, nil
}

func (s *Store) certificate(key world.Key) *Certificate {
	s.secrets[key] = true
	secret := s.world.Secrets[key]
	if secret == nil {
		return &Certificate{fault: fmt.Sprintf("Secret %q does not exist.", key)}
	}
	if known := s.certificates[key]; known != nil && known.secret == secret {
		return known
	}
	read := &Certificate{secret: secret}
	value, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		read.fault = fmt.Sprintf("Secret %q has no usable certificate: it needs tls.crt and tls.key, PEM, that belong together (%s).", key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	read.Value = value
	s.certificates[key] = read
	return read
}

// Authority is a reference to a ConfigMap with authorities.
type Authority struct {
	Group, Kind string
	Key         world.Key
}

// Reasons are what references to authorities are refused with.
type Reasons struct{ Kind, Value, Grant string }

// Authorities resolves references to certificate authorities. The pool is nil where none
// of them could be.
func (s *Store) Authorities(from world.Referrer, refs []Authority, reasons Reasons) (*x509.CertPool, finding.Faults) {
	var wrong finding.Faults
	var name strings.Builder
	var sources []*corev1.ConfigMap
	for _, ref := range refs {
		switch {
		case ref.Group != "" || ref.Kind != configMapKind:
			wrong.Add(reasons.Kind, fmt.Sprintf("Authorities are taken from ConfigMaps, not from %s %q.", finding.Qualified(ref.Group, ref.Kind), ref.Key.Name))
			continue
		case !s.world.Permitted(from, configMapKind, ref.Key):
			wrong.Add(reasons.Grant, world.MissingGrant(from, configMapKind, ref.Key))
			continue
		}
		s.configMaps[ref.Key] = true
		source := s.world.ConfigMaps[ref.Key]
		if source == nil {
			wrong.Add(reasons.Value, fmt.Sprintf("ConfigMap %q does not exist.", ref.Key))
			continue
		}
		sources = append(sources, source)
		name.WriteString(ref.Key.String() + " ")
	}
	if len(sources) == 0 {
		return nil, wrong
	}
	p := s.pool(reasons.Value+" "+name.String(), sources, reasons.Value)
	return p.pool, append(wrong, p.faults...)
}

func (s *Store) pool(name string, sources []*corev1.ConfigMap, reason string) *pool {
	s.named[name] = true
	if known := s.pools[name]; known != nil && slices.Equal(known.sources, sources) {
		return known
	}
	p := &pool{sources: sources}
	all := x509.NewCertPool()
	for _, source := range sources {
		if all.AppendCertsFromPEM([]byte(source.Data["ca.crt"])) {
			p.pool = all
		} else {
			p.faults.Add(reason, fmt.Sprintf("ConfigMap %q has no certificate in ca.crt: put PEM there.", client.ObjectKeyFromObject(source)))
		}
	}
	s.pools[name] = p
	return p
}
