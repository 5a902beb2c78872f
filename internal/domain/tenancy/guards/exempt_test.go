package guards

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

func TestExemptionsAreNeededAndExplained(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(source)
	}
	for name, exemption := range exemptions {
		if !strings.Contains(text.String(), "{{allow `"+name+"`}}") {
			t.Errorf("no guard exempts %q", name)
		}
		if len(exemption.Users) == 0 || !strings.HasSuffix(exemption.Reason, ".") {
			t.Errorf("%q names nobody or has no reason", name)
		}
	}
}

func TestMalformedSourcesAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, document, want string }{
		{"unknown field", "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nspec: {failurePolice: Fail}", "unknown field"},
		{"unknown kind", "apiVersion: v1\nkind: ConfigMap", "is not expected here"},
		{"no YAML", "kind: [", "malformed YAML"},
	}
	for _, test := range tests {
		if _, err := apply.Decode(admissionKinds(), test.document); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := allow("nobody"); err == nil {
		t.Error("an exemption that does not exist was rendered")
	}
}
