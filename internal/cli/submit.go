package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner is the field manager of what people send through this program.
const fieldOwner = client.FieldOwner("roadbed-cli")

// The values of --dry-run, as kubectl has them.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// addDryRunFlag gives a verb the flag --dry-run, which stands alone for server.
func addDryRunFlag(cmd *cobra.Command, value *string) {
	cmd.Flags().StringVar(value, "dry-run", dryRunNone,
		"change nothing and show what would be generated: client computes it here, server asks admission too")
	cmd.Flags().Lookup("dry-run").NoOptDefVal = dryRunServer
	completeFlag(cmd, "dry-run", completeFixed(dryRunNone, dryRunClient, dryRunServer))
}

func checkDryRun(value string) error {
	if !slices.Contains([]string{dryRunNone, dryRunClient, dryRunServer}, value) {
		return usageErrorf("--dry-run must be none, client or server, not %q", value)
	}
	return nil
}

// submission sends documents to the cluster, all or none as far as that can be:
// first every one as a dry run, and only if the cluster would take them all, for
// good.
type submission struct {
	p *program
	c client.Client
	// create refuses objects that exist already; otherwise they are changed.
	create bool
}

// rehearse sends every document as a dry run and returns what the cluster would
// make of each, defaults filled in.
func (s submission) rehearse(ctx context.Context, documents []document) ([]client.Object, error) {
	var results []client.Object
	var refusals []error
	for _, d := range documents {
		result, err := s.send(ctx, d, true)
		results = append(results, result)
		refusals = append(refusals, err)
	}
	if err := errors.Join(refusals...); err != nil {
		return nil, err
	}
	return results, nil
}

// commit sends every document for good and says what became of it.
func (s submission) commit(ctx context.Context, documents []document) error {
	for _, d := range documents {
		before, err := s.version(ctx, d.object)
		if err != nil {
			return d.refused(err)
		}
		after, err := s.send(ctx, d, false)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.p.Out, "%s %s\n", fullName(after), outcome(before, after.GetResourceVersion()))
	}
	return nil
}

func outcome(before, after string) string {
	switch before {
	case "":
		return "created"
	case after:
		return "unchanged"
	default:
		return "configured"
	}
}

// version is the live object's resource version, empty when there is none.
func (s submission) version(ctx context.Context, object client.Object) (string, error) {
	if s.create {
		return "", nil
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GetObjectKind().GroupVersionKind())
	err := s.c.Get(ctx, client.ObjectKeyFromObject(object), live)
	return live.GetResourceVersion(), client.IgnoreNotFound(err)
}

func (s submission) send(ctx context.Context, d document, dryRun bool) (client.Object, error) {
	fields, err := content(d.object)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: fields}
	if s.create {
		options := []client.CreateOption{fieldOwner}
		if dryRun {
			options = append(options, client.DryRunAll)
		}
		err = s.c.Create(ctx, object, options...)
	} else {
		options := []client.ApplyOption{fieldOwner}
		if dryRun {
			options = append(options, client.DryRunAll)
		}
		err = s.c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), options...)
	}
	if err != nil {
		return nil, d.refused(err)
	}
	return object, nil
}

// fullName is how kubectl writes an object's name.
func fullName(object client.Object) string {
	gvk := object.GetObjectKind().GroupVersionKind()
	return kind[client.Object]{gvk: gvk}.fullName(object)
}

// refused puts the cluster's refusal into words, each cause at the line of the
// file that it speaks of when the object came from a file.
func (d document) refused(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fmt.Errorf("%s: %w", title(d.object), err)
	}
	if apierrors.IsAlreadyExists(err) {
		return d.say("metadata.name", title(d.object)+" exists already; \"apply\" changes it", err)
	}
	details := status.Status().Details
	if details == nil || len(details.Causes) == 0 {
		return d.say("", err.Error(), err)
	}
	var all []error
	for _, cause := range details.Causes {
		all = append(all, d.say(causeField(cause.Field), cause.Message, err))
	}
	return errors.Join(all...)
}

// causeField is a cause's field, or empty where it names the whole object.
func causeField(field string) string {
	if field == "<nil>" {
		return ""
	}
	return field
}

// refusal is one cause of a refusal; it keeps the API server's error.
type refusal struct {
	message string
	cause   error
}

// Error is the cause in words.
func (r *refusal) Error() string { return r.message }

// Unwrap is the API server's error.
func (r *refusal) Unwrap() error { return r.cause }

func (d document) say(field, message string, cause error) error {
	switch {
	case d.node != nil:
		message = d.errorAt(field, message).Error()
	case field != "":
		message = title(d.object) + ": " + field + ": " + message
	default:
		message = title(d.object) + ": " + message
	}
	return &refusal{message: message, cause: cause}
}
