package verb

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/quota"
)

// eventLimit is how many of an object's last events a description shows.
const eventLimit = 10

// Sheet is a description under way: headings and indented, aligned lines. The
// first write error stays and ends the printing.
type Sheet struct {
	w   io.Writer
	err error
}

// NewSheet prints to w.
func NewSheet(w io.Writer) *Sheet { return &Sheet{w: w} }

// Err is the first error of writing, if there was one.
func (s *Sheet) Err() error { return s.err }

// Field is a value with its label.
type Field struct{ label, value string }

// Label gives a value its label.
func Label(label, value string) Field { return Field{label, value} }

// Printf prints a line or part of one.
func (s *Sheet) Printf(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format, args...)
	}
}

// Fields prints labelled values, aligned; empty ones are left out.
func (s *Sheet) Fields(fields ...Field) {
	if s.err != nil {
		return
	}
	tw := tabwriter.NewWriter(s.w, 0, 8, 2, ' ', 0)
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(tw, "%s:\t%s\n", f.label, f.value)
		}
	}
	s.err = tw.Flush()
}

// Section prints a heading and, indented, a table; without rows it says none.
func (s *Sheet) Section(heading string, headings []string, rows [][]string) {
	s.Printf("\n%s:\n", heading)
	if len(rows) == 0 {
		s.Printf("  none\n")
		return
	}
	var text strings.Builder
	if s.err == nil {
		s.err = Table(&text, headings, rows)
	}
	for line := range strings.Lines(text.String()) {
		s.Printf("  %s", line)
	}
}

// Conditions prints each condition and, below one that does not hold, what it
// says is to be done.
func (s *Sheet) Conditions(p *Program, conditions []metav1.Condition) {
	s.Printf("\nConditions:\n")
	if len(conditions) == 0 {
		s.Printf("  none yet: no controller has seen it. \"roadbed doctor\" says whether one runs.\n")
		return
	}
	for _, c := range conditions {
		mark, paint := "✓", Green
		if c.Status != metav1.ConditionTrue {
			mark, paint = "✗", Red
		}
		if c.Status == metav1.ConditionUnknown {
			mark, paint = "…", Yellow
		}
		since := duration.HumanDuration(p.Clock.Since(c.LastTransitionTime.Time))
		s.Printf("  %s %-12s %s (for %s)\n", p.Paint(paint, mark), c.Type, c.Reason, since)
		if c.Status != metav1.ConditionTrue && c.Message != "" {
			s.Printf("      %s\n", strings.ReplaceAll(c.Message, "\n", "\n      "))
		}
	}
}

// Events prints the last events of an object.
func (s *Sheet) Events(ctx context.Context, p *Program, c client.Client, kind, name string) {
	var list corev1.EventList
	selector := fields.Set{"involvedObject.kind": kind, "involvedObject.name": name}.AsSelector()
	err := c.List(ctx, &list, client.MatchingFieldsSelector{Selector: selector})
	if err != nil {
		s.Printf("\nEvents:\n  cannot be read: %v\n", err)
		return
	}
	slices.SortFunc(list.Items, func(a, b corev1.Event) int { return eventTime(a).Compare(eventTime(b).Time) })
	if over := len(list.Items) - eventLimit; over > 0 {
		list.Items = list.Items[over:]
	}
	rows := make([][]string, len(list.Items))
	for i, e := range list.Items {
		rows[i] = []string{duration.HumanDuration(p.Clock.Since(eventTime(e).Time)), e.Type, e.Reason, e.Message}
	}
	s.Section("Events", []string{"AGE", "TYPE", "REASON", "MESSAGE"}, rows)
}

// eventTime is when an event happened last, wherever its writer put that.
func eventTime(e corev1.Event) metav1.Time {
	switch {
	case e.Series != nil:
		return metav1.NewTime(e.Series.LastObservedTime.Time)
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp
	case !e.EventTime.IsZero():
		return metav1.NewTime(e.EventTime.Time)
	default:
		return e.CreationTimestamp
	}
}

// QuantityRows are what is used of what, by resource.
func QuantityRows(used, hard corev1.ResourceList) [][]string {
	rows := make([][]string, 0, len(hard))
	for name, most := range hard {
		have := used[name]
		rows = append(rows, []string{string(name), quota.Amount(have), quota.Amount(most)})
	}
	slices.SortFunc(rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return rows
}

// Subjects names people and groups, such as group:corp:payments, user:ada.
func Subjects(all []tenancyv1.Subject) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = strings.ToLower(cmp.Or(s.Kind, "Group")) + ":" + s.Name
	}
	return strings.Join(names, ", ")
}

// Named is the name with the display name beside it.
func Named(name, display string) string {
	if display == "" {
		return name
	}
	return name + " (" + display + ")"
}

// AnyOf are the names, or "any" when there is none.
func AnyOf(names []string) string {
	if len(names) == 0 {
		return "any"
	}
	return strings.Join(names, ", ")
}
