package policies

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/guards"
)

// OverrideGuards are the rules about overrides that are objects. With static
// true the ledger's is a file of the API server.
func OverrideGuards(static bool) []client.Object {
	objects := guards.Rules()
	if !static {
		objects = append(guards.Ledger(), objects...)
	}
	return objects
}

// ledgerFile is the ledger's guard as a file. It panics when that is not
// possible, which the tests rule out.
func ledgerFile() File {
	objects := guards.Ledger()
	data, err := native.Static(objects)
	if err != nil {
		panic(fmt.Sprintf("the guard of overrides as a file: %v", err))
	}
	return File{Name: objects[0].GetName() + ".yaml", Data: data}
}
