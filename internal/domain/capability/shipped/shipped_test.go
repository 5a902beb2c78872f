package shipped_test

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/shipped"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// TestShipped: the API server accepts every capability and the kind that follows
// from it, and each has documents.
func TestShipped(t *testing.T) {
	t.Parallel()
	env := kubetest.Start(t)
	env.InstallCRDs(t)
	all, err := shipped.Capabilities()
	if err != nil || len(all) != 5 {
		t.Fatalf("%d capabilities, %v", len(all), err)
	}
	admin, err := client.New(env.Admin, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := apiextensionsv1.AddToScheme(admin.Scheme()); err != nil {
		t.Fatal(err)
	}
	for _, each := range all {
		t.Run(each.Name, func(t *testing.T) {
			if errs := capability.Validate(each.DeepCopy()); len(errs) > 0 {
				t.Error(errs.ToAggregate())
			}
			stored := each.DeepCopy()
			if err := admin.Create(t.Context(), stored, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
				t.Error(err)
			}
			planned, err := capability.Plan(stored, capability.Settings{}, capability.World{})
			if err != nil {
				t.Fatal(err)
			}
			if err := admin.Create(t.Context(), planned.Definition, client.DryRunAll); err != nil {
				t.Error(err)
			}
			if page, err := capability.Docs(stored); err != nil || len(page) < 500 {
				t.Errorf("docs page of %d characters, %v", len(page), err)
			}
			if len(shipped.Text(each.Name)) == 0 {
				t.Error("its file is named otherwise")
			}
			if len(stored.Spec.SLOs) == 0 {
				t.Error("it promises nothing")
			}
		})
	}
}
