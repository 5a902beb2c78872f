package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
)

// outside is a policy that the webhook decides on, though it need not.
type outside struct{ policy.Evaluator }

// Info puts the policy into the engine's lane.
func (o outside) Info() policy.Info {
	info := o.Evaluator.Info()
	info.Lane, info.Admission = policy.Engine, true
	return info
}

// Scopes are Pods.
func (outside) Scopes() []policy.Scope {
	return []policy.Scope{{Version: "v1", Resource: "pods", Operations: podOperations}}
}

// podOperations are those that the policies match.
var podOperations = []admissionv1.Operation{admissionv1.Create, admissionv1.Update}

// nowhere is a cluster of which only the namespace is known.
type nowhere struct{}

// Namespace is the benchmark's.
func (nowhere) Namespace(context.Context, string) (map[string]any, error) {
	return podRequest(0).NamespaceObject, nil
}

// Roles are not asked for.
func (nowhere) Roles(context.Context, authenticationv1.UserInfo) (roles, clusterRoles []string, err error) {
	return nil, nil, nil
}

// byWebhook answers for the same policies over TLS on loopback.
func byWebhook(ctx context.Context, p *plane) (func(context.Context) error, error) {
	evaluators, err := compiled(comparable16())
	if err != nil {
		return nil, err
	}
	for i, each := range evaluators {
		evaluators[i] = outside{each}
	}
	metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	inForce := &webhook.Policies{}
	inForce.Use(evaluators, nil)
	handler := webhook.Validator(webhook.Open, webhook.Deps{Policies: inForce, Cluster: nowhere{}, Clock: clock.RealClock{}, Metrics: metrics})
	address, authority, stop, err := serve(webhook.ValidatePath(webhook.Open), &admission.Webhook{Handler: handler})
	if err != nil {
		return nil, err
	}
	validating, _ := webhook.Configure(evaluators, []policy.Served{{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}}, func(path string) admissionregistrationv1.WebhookClientConfig {
		url := "https://" + address + path
		return admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: authority}
	})
	remove, err := p.install(ctx, []client.Object{validating})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		defer stop()
		return remove(ctx)
	}, nil
}

// serve answers at a path, with a certificate of its own.
func serve(path string, handler http.Handler) (address string, authority []byte, stop func(), err error) {
	certificate, authority, err := issue()
	if err != nil {
		return "", nil, nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		return "", nil, nil, fmt.Errorf("listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(path, handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with stop
	return listener.Addr().String(), authority, func() { _ = server.Close() }, nil
}

// issue makes a certificate for loopback that is its own authority.
func issue() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
