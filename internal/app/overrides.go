package app

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/guards"
)

// emptyLedger is the ledger of overrides before there are any. It is made once;
// from then on it is the server's.
func emptyLedger() client.Object {
	return &policyv1alpha1.OverrideLedger{
		ObjectMeta: metav1.ObjectMeta{Name: policyv1alpha1.LedgerName},
		Spec:       override.Compile(nil, override.World{}).Spec,
	}
}

// overrideGuards are the rules about overrides that are objects. With static
// true the ledger's is a file of the API server.
func overrideGuards(static bool) []client.Object {
	objects := guards.Rules()
	if !static {
		objects = append(guards.Ledger(), objects...)
	}
	return objects
}

// ledgerFile is the ledger's guard as a file. It panics when that is not
// possible, which the tests rule out.
func ledgerFile() PolicyFile {
	objects := guards.Ledger()
	data, err := native.Static(objects)
	if err != nil {
		panic(fmt.Sprintf("the guard of overrides as a file: %v", err))
	}
	return PolicyFile{Name: objects[0].GetName() + ".yaml", Data: data}
}
