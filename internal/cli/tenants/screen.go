package tenants

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// screenRows is how many tenants a live table shows at most.
const screenRows = 12

// screen shows tenants on their way to Ready: on a terminal as a table that is
// drawn anew in place, elsewhere as a line for each change.
type screen struct {
	p *program
	// lines is how many lines the last drawing took.
	lines int
	// said is the last line about each tenant.
	said map[string]string
}

func newScreen(p *program) *screen { return &screen{p: p, said: map[string]string{}} }

// show draws the tenants; expected is how many there will be.
func (s *screen) show(tenants []tenancyv1.Tenant, expected int) {
	slices.SortFunc(tenants, func(a, b tenancyv1.Tenant) int { return cmp.Compare(a.Name, b.Name) })
	if s.p.Live && expected > 1 {
		s.draw(tenants, expected)
		return
	}
	for i := range tenants {
		line := progressLine(&tenants[i])
		if s.said[tenants[i].Name] != line {
			s.said[tenants[i].Name] = line
			fmt.Fprintln(s.p.Err, line)
		}
	}
}

// progressLine says in one line how far a tenant is.
func progressLine(t *tenancyv1.Tenant) string {
	ready := listing.ReadyCondition(t.Status.Conditions)
	if listing.IsReady(t) {
		return fmt.Sprintf("tenant %q is Ready: %s", t.Name, namespaceNames(t))
	}
	line := fmt.Sprintf("tenant %q: %s", t.Name, cmp.Or(ready.Reason, "waiting for the controller"))
	if ready.Message != "" {
		line += ": " + ready.Message
	}
	return line
}

func namespaceNames(t *tenancyv1.Tenant) string {
	names := make([]string, len(t.Status.Namespaces))
	for i, ns := range t.Status.Namespaces {
		names[i] = ns.Name
	}
	return strings.Join(names, ", ")
}

// draw replaces the last drawing with a new one: unready tenants first.
func (s *screen) draw(tenants []tenancyv1.Tenant, expected int) {
	ready := 0
	var first, rest [][]string
	for i := range tenants {
		t := &tenants[i]
		row := []string{t.Name, t.Spec.Tier, t.Spec.BusinessUnit, listing.IsolatedCount(t.Status.Namespaces), cmp.Or(listing.ReadyCondition(t.Status.Conditions).Reason, "Waiting")}
		if listing.IsReady(t) {
			ready++
			rest = append(rest, row)
			continue
		}
		first = append(first, row)
	}
	rows := slices.Concat(first, rest)
	var text strings.Builder
	_ = verb.Table(&text, []string{"TENANT", "TIER", "BUSINESS UNIT", "ISOLATED", "STATE"}, rows[:min(len(rows), screenRows)])
	if over := len(rows) - screenRows; over > 0 {
		fmt.Fprintf(&text, "... and %d more\n", over)
	}
	fmt.Fprintf(&text, "%d of %d tenants Ready\n", ready, expected)
	if s.lines > 0 {
		fmt.Fprintf(s.p.Out, "\x1b[%dA\x1b[J", s.lines)
	}
	s.lines = strings.Count(text.String(), "\n")
	fmt.Fprint(s.p.Out, text.String())
}
