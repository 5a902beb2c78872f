package app

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// TestReach: policies' webhooks are told of as the API server stores it, or
// every look would find a difference to repair.
func TestReach(t *testing.T) {
	t.Parallel()
	h := &hooks{mode: WebhookService}
	if _, reachable := h.At(); reachable {
		t.Error("reachable without a certificate")
	}
	told := 0
	h.OnChange(func() { told++ })
	h.reachedAt(func(path string) admissionv1.WebhookClientConfig { return serviceClientConfig(path, []byte("ca")) })
	at, reachable := h.At()
	if !reachable || told != 1 {
		t.Fatalf("reachable %v, told %d times", reachable, told)
	}
	got := at("/policy/validate/images")
	if got.Service == nil || got.Service.Port == nil || *got.Service.Port != 443 || *got.Service.Path != "/policy/validate/images" || string(got.CABundle) != "ca" {
		t.Errorf("client configuration %+v", got)
	}
}
