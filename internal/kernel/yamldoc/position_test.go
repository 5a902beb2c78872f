package yamldoc

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

const positioned = `kind: Tenant
metadata:
  name: payments
spec:
  tier: tier-1
  jurisdictions: [uk,
    eu]
  quota:
    requests.cpu: "8"
    requests: odd
  namespaces:
  - name: dev
    quota: {pods: 5}
  - name: prod
    quota: &shared
      pods: "7"
  - name: alias
    quota: *shared
`

func TestLineOfFindsFields(t *testing.T) {
	t.Parallel()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(positioned), &document); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path   string
		line   int
		reason string
	}{
		{"", 1, "the whole document"},
		{"spec.tier", 5, "a field"},
		{"spec.jurisdictions[1]", 7, "an item of a list, by index"},
		{"spec.quota[requests.cpu]", 9, "a key with a dot, in brackets"},
		{"spec.quota.requests.cpu", 9, "a key with a dot, dotted: the longest key wins"},
		{"spec.namespaces[1].quota", 15, "a field of an item"},
		{"spec.namespaces[name=prod].quota[pods]", 16, "an item by its key"},
		{`spec.namespaces[name="prod"]`, 14, "an item by its quoted key"},
		{"spec.namespaces[prod].quota[pods]", 16, "an item by its name alone"},
		{"spec.namespaces[none].quota", 11, "an item whose name is not there: the list"},
		{"spec.namespaces[0].quota.pods", 13, "a flow mapping"},
		{"spec.namespaces[2].quota[pods]", 16, "through an alias, where the value stands"},
		{"spec.owner", 4, "a required field that is missing: its parent"},
		{"spec.namespaces[9].name", 11, "an item that is missing: the list"},
		{"spec.namespaces[", 11, "a path that is cut off"},
		{"nonsense[", 1, "a path that leads nowhere"},
	} {
		if got := LineOf(&document, test.path); got != test.line {
			t.Errorf("%s: line of %q is %d, want %d", test.reason, test.path, got, test.line)
		}
	}
}
