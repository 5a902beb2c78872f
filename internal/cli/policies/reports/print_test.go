package reports

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
)

// estate are two objects with a few results.
func estate() []found {
	result := func(policy, is string) openreportsv1alpha1.Result {
		return openreportsv1alpha1.Result{Policy: policy, Rule: "r", Result: is, Message: "said\nat length", Properties: map[string]string{"tier": "Default"}}
	}
	report := func(namespace, kind, name string, results ...openreportsv1alpha1.Result) found {
		one := found{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "uid"}}
		one.Scope, one.Results = &corev1.ObjectReference{Kind: kind, Name: name}, results
		return one
	}
	return []found{
		report("apples", "Pod", "web", result("limits", "fail"), result("labels", "pass")),
		report("", "Namespace", "pears", result("labels", "error")),
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		flags flags
		out   []string // the first words of each line
		sum   string
	}{
		{"the worst first, and what passes only counted", flags{}, []string{"NAMESPACE", "-", "apples"}, "2 objects: 1 error, 1 fail, 1 pass."},
		{"one policy", flags{policy: "limits"}, []string{"NAMESPACE", "apples"}, "1 object: 1 fail."},
		{"what passes", flags{status: "pass"}, []string{"NAMESPACE", "apples"}, "1 object: 1 pass."},
		{"nothing", flags{policy: "other"}, nil, "No results."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := verbtest.New(t)
			p := &program{s.Program()}
			f := c.flags
			f.out = verb.NewOutput(verb.FormatWide)
			if err := p.table(narrowed(estate(), &f), &f); err != nil {
				t.Fatal(err)
			}
			var first []string
			for line := range strings.Lines(s.Stdout.String()) {
				first = append(first, strings.Fields(line)[0])
			}
			if strings.Join(first, " ") != strings.Join(c.out, " ") || strings.TrimSpace(s.Stderr.String()) != c.sum {
				t.Errorf("printed\n%s%s\nwant lines of %q and %q", s.Stdout.String(), s.Stderr.String(), c.out, c.sum)
			}
		})
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	f := flags{namespace: "n", status: "fail", history: true, since: time.Hour}
	got := f.query(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)).Encode()
	if want := "namespace=n&since=2026-01-01T11%3A00%3A00Z&status=fail"; got != want {
		t.Errorf("query %s, want %s", got, want)
	}
	if err := (&flags{status: "bad"}).check(); err == nil {
		t.Error("--status bad is taken")
	}
}
