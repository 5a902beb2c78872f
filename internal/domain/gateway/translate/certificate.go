package translate

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/world"

	corev1 "k8s.io/api/core/v1"
)

// fault is something that a reference or a value has wrong.
type fault struct{ reason, message string }

// faults are all of an object. The first one gives the reason.
type faults []fault

func (f *faults) add(reason, message string) {
	added := fault{reason, message}
	if !slices.Contains(*f, added) {
		*f = append(*f, added)
	}
}

func (f faults) reason() string { return f[0].reason }

func (f faults) message() string {
	var messages []string
	for _, each := range f {
		if !slices.Contains(messages, each.message) {
			messages = append(messages, each.message)
		}
	}
	return strings.Join(messages, " ")
}

// verdict is that all is well, or what is not.
func (f faults) verdict(kind, reason, message string) verdict {
	if len(f) == 0 {
		return verdict{kind, true, reason, message}
	}
	return verdict{kind, false, f.reason(), f.message()}
}

// certificate is what a Secret has, read once.
type certificate struct {
	secret *corev1.Secret
	value  tls.Certificate
	fault  string
}

// certificate reads a Secret's.
func (r *round) certificate(key Key) *certificate {
	r.secrets[key] = true
	secret := r.World.Secrets[key]
	if secret == nil {
		return &certificate{fault: fmt.Sprintf("Secret %q does not exist.", key)}
	}
	if memo := r.certs[key]; memo != nil && memo.secret == secret {
		return memo
	}
	read := &certificate{secret: secret}
	value, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		read.fault = fmt.Sprintf("Secret %q has no usable certificate: it needs tls.crt and tls.key, PEM, that belong together (%s).", key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	read.value = value
	r.certs[key] = read
	return read
}

// pool is a set of authorities, built once.
type pool struct {
	sources []*corev1.ConfigMap
	pool    *x509.CertPool
	faults  faults
	used    bool
}

// authority is a reference to a ConfigMap with authorities.
type authority struct {
	group, kind string
	key         Key
}

// authorityReasons are what references to authorities are refused with.
type authorityReasons struct{ kind, value, grant string }

// authorities resolves references to certificate authorities. The pool is nil
// where none of them could be.
func (r *round) authorities(from world.Referrer, refs []authority, reasons authorityReasons) (*x509.CertPool, faults) {
	var wrong faults
	var name strings.Builder
	var sources []*corev1.ConfigMap
	for _, ref := range refs {
		switch {
		case ref.group != "" || ref.kind != kindConfigMap:
			wrong.add(reasons.kind, fmt.Sprintf("Authorities are taken from ConfigMaps, not from %s %q.", qualified(ref.group, ref.kind), ref.key.Name))
			continue
		case !r.Permitted(from, kindConfigMap, ref.key):
			wrong.add(reasons.grant, world.MissingGrant(from, kindConfigMap, ref.key))
			continue
		}
		r.configMaps[ref.key] = true
		source := r.World.ConfigMaps[ref.key]
		if source == nil {
			wrong.add(reasons.value, fmt.Sprintf("ConfigMap %q does not exist.", ref.key))
			continue
		}
		sources = append(sources, source)
		name.WriteString(ref.key.String() + " ")
	}
	if len(sources) == 0 {
		return nil, wrong
	}
	p := r.poolOf(name.String(), sources, reasons.value)
	return p.pool, append(wrong, p.faults...)
}

func (r *round) poolOf(name string, sources []*corev1.ConfigMap, reason string) *pool {
	name = reason + " " + name
	if memo := r.pools[name]; memo != nil && slices.Equal(memo.sources, sources) {
		memo.used = true
		return memo
	}
	p := &pool{sources: sources, used: true}
	all := x509.NewCertPool()
	for _, source := range sources {
		if all.AppendCertsFromPEM([]byte(source.Data["ca.crt"])) {
			p.pool = all
		} else {
			p.faults.add(reason, fmt.Sprintf("ConfigMap %q has no certificate in ca.crt: put PEM there.", keyOf(source)))
		}
	}
	r.pools[name] = p
	return p
}

func qualified(group, kind string) string {
	if group == "" {
		return kind
	}
	return kind + "." + group
}
