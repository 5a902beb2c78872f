package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// Refused puts the cluster's refusal into words, each cause at the line of the
// file that it speaks of when the object came from a file.
func (d Document) Refused(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fmt.Errorf("%s: %w", Title(d.Object), err)
	}
	if mistakes, found := strings.CutPrefix(strictly.FindString(err.Error()), "strict decoding error: "); found {
		return d.strict(mistakes, err)
	}
	details := status.Status().Details
	if details == nil || len(details.Causes) == 0 {
		field, message := d.inWords(err.Error())
		return d.Mistake(field, message, err)
	}
	var all []error
	for _, cause := range details.Causes {
		// The API server's word that it stopped looking is no mistake of the user's.
		if len(details.Causes) == 1 || !strings.Contains(cause.Message, "some validation rules were not checked") {
			all = append(all, d.Mistake(causeField(cause), withoutCeremony(cause.Message), err))
		}
	}
	return errors.Join(all...)
}

// strict puts into words which fields the API server has none of, or has twice.
func (d Document) strict(mistakes string, err error) error {
	all := strings.Split(mistakes, ", ")
	if d.node != nil {
		slices.SortStableFunc(all, func(a, b string) int {
			return cmp.Compare(yamldoc.LineOf(d.node, unknownIn(a)), yamldoc.LineOf(d.node, unknownIn(b)))
		})
	}
	told := make([]error, len(all))
	for i, each := range all {
		told[i] = d.Mistake(unknownIn(each), each, err)
	}
	return errors.Join(told...)
}

// unknownIn is the field that strict decoding speaks of, empty when it names none.
func unknownIn(mistake string) string {
	if found := unknownField.FindStringSubmatch(mistake); found != nil {
		return found[1]
	}
	return ""
}

// Wrong is an error of ours that speaks of a field, or of the whole object.
func (d Document) Wrong(err error) error {
	return d.Mistake(fieldInMessage.FindString(err.Error()), err.Error(), err)
}

var (
	// strictly is how the API server refuses fields that it does not have.
	strictly = regexp.MustCompile(`strict decoding error: .*$`)
	// repeatedEntry is how the API server refuses a list in which two entries
	// have one key.
	repeatedEntry = regexp.MustCompile(`\.(spec\S*): duplicate entries for key \[(.+)\]`)
	// guardCeremony is what the API server puts before a guard's own words.
	guardCeremony = regexp.MustCompile(`^.*ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: `)
)

// inWords puts a refusal that lists no causes into a user's words, with the
// field that it speaks of where that is known.
func (d Document) inWords(message string) (field, words string) {
	found := repeatedEntry.FindStringSubmatch(message)
	if found == nil {
		words = withoutCeremony(message)
		return fieldInMessage.FindString(words), words
	}
	field = found[1]
	if index, ok := yamldoc.LastWith(d.node, field, found[2]); ok {
		field = fmt.Sprintf("%s[%d]", field, index)
	}
	return field, "Duplicate value: " + found[2]
}

// withoutCeremony is a guard's own words and its name, or the message as it is.
func withoutCeremony(message string) string {
	found := guardCeremony.FindStringSubmatch(message)
	if found == nil {
		return message
	}
	name := strings.TrimSuffix(found[1], ".static.k8s.io")
	return fmt.Sprintf("%s (guard %s)", strings.TrimPrefix(message, found[0]), name)
}

// fieldInMessage finds the field that one of our own rules on the whole object
// speaks of.
var fieldInMessage = regexp.MustCompile(`\b(metadata|spec)\.[A-Za-z]+(\.[A-Za-z]+)*`)

// causeField is the field that a cause speaks of, empty where that is the whole
// object.
func causeField(cause metav1.StatusCause) string {
	if cause.Field == "" || cause.Field == "<nil>" {
		return fieldInMessage.FindString(cause.Message)
	}
	return strings.TrimPrefix(cause.Field, ".")
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

// Mistake says what is wrong with a field, at its line when the document came
// from a file. cause may be nil.
func (d Document) Mistake(field, message string, cause error) error {
	switch {
	case d.node != nil:
		message = d.ErrorAt(field, message).Error()
	case field != "" && !strings.Contains(message, field):
		message = Title(d.Object) + ": " + field + ": " + message
	default:
		message = Title(d.Object) + ": " + message
	}
	return &refusal{message: message, cause: cause}
}
