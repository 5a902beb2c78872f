package offboard

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// Procedure is the way a tenant leaves. How far it is stands in the tenant's
// status, so that it goes on where it stopped; every stage may be begun again.
// The trail hears of a stage before it begins. It is safe for concurrent use.
type Procedure struct {
	*estate.Estate
	ledger        *estate.Ledger
	remnants      *Remnants
	objects       dynamic.Interface
	exporter      Exporter
	exportSecrets bool
}

// Option changes what New returns.
type Option func(*Procedure)

// WithSecrets exports the values of Secrets too.
func WithSecrets(too bool) Option { return func(p *Procedure) { p.exportSecrets = too } }

// New returns the procedure for tenants of the estate.
func New(e *estate.Estate, ledger *estate.Ledger, left *Remnants, mgr manager.Manager, exporter Exporter, opts ...Option) (*Procedure, error) {
	config := dynamic.ConfigFor(quiet(mgr.GetConfig()))
	objects, err := dynamic.NewForConfigAndClient(config, mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make the dynamic client: %w", err)
	}
	p := &Procedure{Estate: e, ledger: ledger, remnants: left, objects: objects, exporter: exporter}
	for _, opt := range opts {
		opt(p)
	}
	return p, nil
}

// The names of the stages, as the status has them.
const (
	stageCordon    = "Cordon"
	stageExport    = "Export"
	stageLegalHold = "LegalHold"
	stageDrain     = "Drain"
	stageDelete    = "Delete"
	stageResidue   = "Residue"
)

// The states of a stage.
const (
	statePending = "Pending"
	stateWaiting = "Waiting"
	stateBlocked = "Blocked"
	stateDone    = "Done"
)

// stage is one step of the procedure.
type stage struct {
	name string
	run  func(ctx context.Context, t *v1alpha1.Tenant) steps.Result
}

func (o *Procedure) stages() []stage {
	return []stage{
		{stageCordon, o.cordon},
		{stageExport, o.export},
		{stageLegalHold, o.legalHold},
		{stageDrain, o.drain},
		{stageDelete, o.delete},
		{stageResidue, o.residue},
	}
}

// Run takes the procedure as far as it goes now. For a tenant that stays, or
// stays after all, there is nothing to do and no condition.
func (o *Procedure) Run(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	if !Leaving(t) {
		t.Status.Offboarding = nil
		meta.RemoveStatusCondition(&t.Status.Conditions, tenancy.ConditionOffboarded)
		return steps.Done(condition.ReasonReady, readyMessage)
	}
	if t.Status.Offboarding == nil {
		t.Status.Offboarding = o.begin()
	}
	for _, stage := range o.stages() {
		if result := o.advance(ctx, t, stage); result.Outcome != steps.OutcomeDone {
			o.tell(t, tenancy.ConditionOffboarded, metav1.ConditionFalse, result)
			return result
		}
	}
	return o.finish(ctx, t)
}

// begin is the record of a procedure that has not begun.
func (o *Procedure) begin() *v1alpha1.OffboardingStatus {
	status := &v1alpha1.OffboardingStatus{}
	for _, stage := range o.stages() {
		status.Steps = append(status.Steps, v1alpha1.OffboardingStep{Name: stage.name, State: statePending})
	}
	return status
}

// readyMessage is what a tenant that is ready says.
const readyMessage = "Everything that was asked for is in place."

// advance runs a stage unless it is done, and puts down what came of it. The
// legal hold is asked about until nothing is left to delete.
func (o *Procedure) advance(ctx context.Context, t *v1alpha1.Tenant, stage stage) steps.Result {
	step := stepOf(t, stage.name)
	recheck := stage.name == stageLegalHold && stepOf(t, stageDelete).State != stateDone
	if step.State == stateDone && !recheck {
		return steps.Done(tenancy.ReasonOffboarding, step.Message)
	}
	if step.State == statePending {
		reason := fmt.Sprintf("offboarding was asked for and confirmed; stage %s begins", stage.name)
		if err := o.Record(ctx, "tenant.offboard."+strings.ToLower(stage.name), t, estate.KindTenant, reason, ""); err != nil {
			return steps.Failed(tenancy.ReasonOffboarding, err)
		}
	}
	result := stage.run(ctx, t)
	step = stepOf(t, stage.name)
	wasDone := step.State == stateDone
	step.State, step.Message = stateOf(result.Outcome), cutTo(result.Message, 1024)
	switch {
	case step.State != stateDone:
		step.Finished = nil
	case !wasDone:
		now := metav1.NewTime(o.Clock.Now()).Rfc3339Copy()
		step.Finished = &now
	}
	return result
}

func stateOf(outcome steps.Outcome) string {
	switch outcome {
	case steps.OutcomeDone:
		return stateDone
	case steps.OutcomeBlocked:
		return stateBlocked
	default:
		return stateWaiting
	}
}

// stepOf is the tenant's record of a stage, made anew if somebody took it away.
// It is good until the next call.
func stepOf(t *v1alpha1.Tenant, name string) *v1alpha1.OffboardingStep {
	status := t.Status.Offboarding
	for i := range status.Steps {
		if status.Steps[i].Name == name {
			return &status.Steps[i]
		}
	}
	status.Steps = append(status.Steps, v1alpha1.OffboardingStep{Name: name, State: statePending})
	return &status.Steps[len(status.Steps)-1]
}

// finish gives the envelope back and turns the tenant into a record of itself.
func (o *Procedure) finish(ctx context.Context, t *v1alpha1.Tenant) steps.Result {
	if err := o.ledger.Release(ctx, t.Spec.BusinessUnit, estate.TenantHolder(t)); err != nil {
		return steps.Failed(tenancy.ReasonReserveFailed, err)
	}
	retell(t, nil)
	t.Status.Provisioned = nil
	gone := o.Reservation(t)
	if !Offboarded(t) {
		gone = steps.Waiting(tenancy.ReasonOffboarded, offboardedMessage, 0)
	}
	for _, kind := range []string{tenancy.ConditionReserved, tenancy.ConditionProvisioned, tenancy.ConditionIsolated} {
		o.tell(t, kind, metav1.ConditionFalse, gone)
	}
	o.tell(t, tenancy.ConditionOffboarded, metav1.ConditionTrue, gone)
	return gone
}

// What the status says of a namespace that the procedure has come to.
const (
	deletedMessage  = "deleted by the offboarding"
	deletingMessage = "being deleted by the offboarding"
	leftMessage     = "the tenant has no part in this shared namespace any more"
)

// retell has the tenant's status say of each of its namespaces what has become
// of it; home are those that are still there. Their names stay on record.
func retell(t *v1alpha1.Tenant, home map[string]*corev1.Namespace) {
	for i := range t.Status.Namespaces {
		told := &t.Status.Namespaces[i]
		ns := home[told.Name]
		switch {
		case tenancy.IsShared(told.Name):
			told.Isolated, told.Message = false, leftMessage
		case ns == nil:
			told.Isolated, told.Message = false, deletedMessage
		case !ns.DeletionTimestamp.IsZero():
			told.Isolated, told.Message = estate.Isolated(ns), deletingMessage
		}
	}
}

// offboardedMessage is what a tenant that is no more says.
const offboardedMessage = "The tenant was offboarded; status.offboarding says what is left. Delete the Tenant object when its record is no longer needed."

// Offboarded says whether the procedure has come to its end.
func Offboarded(t *v1alpha1.Tenant) bool {
	return Leaving(t) && condition.IsTrue(t.Status.Conditions, tenancy.ConditionOffboarded)
}

// Reservation is what becomes of the tenant's share of the envelope: it is
// kept until the procedure ends.
func (o *Procedure) Reservation(t *v1alpha1.Tenant) steps.Result {
	if Offboarded(t) {
		return steps.Waiting(tenancy.ReasonOffboarded, offboardedMessage, 0)
	}
	return steps.Done(tenancy.ReasonReserved, "The tenant keeps its share of the envelope until it is offboarded.")
}

func (o *Procedure) tell(t *v1alpha1.Tenant, kind string, status metav1.ConditionStatus, result steps.Result) {
	condition.Set(&t.Status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: result.Reason, Message: result.Message,
		ObservedGeneration: t.Generation, LastTransitionTime: metav1.NewTime(o.Clock.Now()),
	})
}

// Leaving says whether the tenant is being offboarded or was.
func Leaving(t *v1alpha1.Tenant) bool {
	return t.Spec.Lifecycle.State == v1alpha1.LifecycleOffboarding && t.Spec.Lifecycle.Confirm == t.Name
}

func cutTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "…"
}
