package capability_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
)

func TestConsumersAreToldByTheHour(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	c := &v1alpha1.Capability{ObjectMeta: metav1.ObjectMeta{Name: "database"}}
	made, err := capability.ConsumersOf(c, capability.Settings{}, map[string][]capability.Consumer{"v1": {
		{Tenant: "orders", Last: at.Add(59 * time.Minute)},
		{Tenant: "payments", Client: "shop", Operation: "listDatabase", Last: at.Add(time.Hour)},
		{Tenant: "billing", Last: at},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if made.Name != "capability-database-consumers" || made.Namespace != "roadbed-system" {
		t.Errorf("it is %s/%s", made.Namespace, made.Name)
	}
	got, err := capability.ReadConsumers(made)
	if err != nil {
		t.Fatal(err)
	}
	want := []capability.Consumer{
		{Tenant: "payments", Client: "shop", Operation: "listDatabase", Last: at.Add(time.Hour)},
		{Tenant: "billing", Last: at},
		{Tenant: "orders", Last: at},
	}
	if diff := cmp.Diff(want, got["v1"]); diff != "" {
		t.Error(diff)
	}
	made.Data["v1"] = "{"
	if _, err := capability.ReadConsumers(made); err == nil {
		t.Error("what is no list is read")
	}
}
