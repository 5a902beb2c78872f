package app_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/apptest"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

func TestManifestsAreWhole(t *testing.T) {
	t.Parallel()
	text, err := app.Manifests(app.InstallOptions{Image: "registry.example/roadbed:1"})
	if err != nil {
		t.Fatal(err)
	}
	found := apptest.Objects(t, text)
	for _, want := range []string{
		"CustomResourceDefinition/tenants.tenancy.roadbed.dev", "Namespace/roadbed-system", "ServiceAccount/roadbed",
		"ClusterRole/roadbed:controller", "ClusterRole/roadbed:offboarder", "ValidatingAdmissionPolicy/roadbed-platform-labels",
		"ValidatingWebhookConfiguration/roadbed-tenancy", "Tier/tier-1", "Service/roadbed-webhook", "Deployment/roadbed",
	} {
		if found[want] == nil {
			t.Errorf("%s is missing", want)
		}
	}
	if !bytes.Contains(text, []byte("image: registry.example/roadbed:1\n")) {
		t.Error("the image is not the one that was asked for")
	}
	for name, d := range found {
		if d["status"] != nil || strings.Contains(name, "/<nil>") {
			t.Errorf("%s carries what only a server knows", name)
		}
	}
}

// TestManifestsCloseTheClustersRanges wants the guard and the server to be told
// the same ranges.
func TestManifestsCloseTheClustersRanges(t *testing.T) {
	t.Parallel()
	text, err := app.Manifests(app.InstallOptions{Settings: tenancy.Settings{ClusterCIDRs: []string{"10.42.0.0/16", "10.43.0.0/16"}}})
	if err != nil {
		t.Fatal(err)
	}
	found := apptest.Objects(t, text)
	for object, wants := range map[string][]string{
		"ValidatingAdmissionPolicy/roadbed-network-peers": {"'10.42.0.0/16'", "'10.43.0.0/16'"},
		"Deployment/roadbed":                              {"--cluster-cidr=10.42.0.0/16", "--cluster-cidr=10.43.0.0/16"},
	} {
		for _, want := range wants {
			if !strings.Contains(fmt.Sprint(found[object]), want) {
				t.Errorf("%s does not know %s", object, want)
			}
		}
	}
}

func TestManifestsFollowOptions(t *testing.T) {
	t.Parallel()
	text, err := app.Manifests(app.InstallOptions{
		StaticGuards: true, Webhook: app.WebhookOff, FeatureGates: map[string]bool{"IsolationModels": true},
	})
	if err != nil {
		t.Fatal(err)
	}
	found := apptest.Objects(t, text)
	for _, unwanted := range []string{
		"ValidatingAdmissionPolicy/roadbed-platform-labels", "ValidatingAdmissionPolicy/roadbed-feature-gates", "ValidatingWebhookConfiguration/roadbed-tenancy",
	} {
		if found[unwanted] != nil {
			t.Errorf("%s is there", unwanted)
		}
	}
	if !strings.Contains(string(text), "--feature-gates=IsolationModels=true") {
		t.Error("the server is not told of the gate")
	}
}
