package apply

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// takeOverAttempts bounds how often write competes with another writer, such as
// the controller that fills a quota's status, for the version that takeOver needs.
const takeOverAttempts = 5

// create makes an object that the reader does not have. A plain create costs
// API server and etcd a fifth less than a server-side apply that creates, which
// is most of what onboarding costs. Its fields are owned by FieldManager as
// updated, not as applied, until takeOver.
//
// A namespace that exists after all was made by somebody else in this moment:
// to apply to it would be to take it over with all that is in it, so the caller
// gets the error and decides again, knowing it.
func (a *Applier) create(ctx context.Context, gvk schema.GroupVersionKind, desired client.Object) error {
	made := desired.DeepCopyObject().(client.Object) // takes the response
	err := a.writer.Create(ctx, made, client.FieldOwner(FieldManager))
	if apierrors.IsAlreadyExists(err) && !isNamespace(gvk) {
		return a.write(ctx, gvk, desired)
	}
	return err
}

// takeOver makes fields that FieldManager owns because it created the object
// its applied ones, and says whether there were any. Without that, a later
// apply could change but not remove them.
func (a *Applier) takeOver(ctx context.Context, live client.Object) (bool, error) {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New(FieldManager), FieldManager)
	if err != nil {
		return false, fmt.Errorf("read who owns its fields: %w", err)
	}
	if patch == nil {
		return false, nil
	}
	if err := a.writer.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return false, fmt.Errorf("own its fields: %w", err)
	}
	return true, nil
}
