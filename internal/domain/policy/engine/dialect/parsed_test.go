package dialect_test

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
)

func TestMixes(t *testing.T) {
	t.Parallel()
	variables := []admissionregistrationv1.Variable{
		{Name: "more", Expression: "[Object.spec.volumes{name: 'more'}]"},
		{Name: "all", Expression: "object.spec.volumes + [Object.spec.volumes{name: 'more'}]"},
		{Name: "broken", Expression: "object."},
	}
	for _, test := range []struct {
		name, reason, value string
		want                bool
	}{
		{"as it is", "one list of the object is converted as a whole", "object.spec.volumes", false},
		{"written", "all elements are written", "[Object.spec.volumes{name: 'a'}] + [Object.spec.volumes{name: 'b'}]", false},
		{"rebuilt", "every element is written anew", "object.spec.volumes.map(v, Object.spec.volumes{name: v.name})", false},
		{"rebuilt and more", "and so are those besides", "object.spec.volumes.map(v, Object.spec.volumes{name: v.name}) + variables.more", false},
		{"texts", "texts are the same in both worlds", "object.metadata.finalizers + ['a']", false},
		{"name", "so is a text that is put together", "object.metadata.name + '-' + object.metadata.namespace", false},
		{"added", "an element is added to the object's", "object.spec.volumes + [Object.spec.volumes{name: 'a'}]", true},
		{"in front", "on either side", "[Object.spec.volumes{name: 'a'}] + object.spec.volumes", true},
		{"perhaps", "where there are any", "(has(object.spec.volumes) ? object.spec.volumes : []) + [Object.spec.volumes{name: 'a'}]", true},
		{"optional", "or none", "object.spec.?volumes.orValue([]) + [Object.spec.volumes{name: 'a'}]", true},
		{"filtered", "of those that fit", "object.spec.volumes.filter(v, v.name != 'a') + [Object.spec.volumes{name: 'a'}]", true},
		{"chosen", "some elements are written anew", "object.spec.volumes.map(v, has(v.emptyDir) ? Object.spec.volumes{name: v.name} : v)", true},
		{"picked", "elements are picked", "[object.spec.volumes[0], Object.spec.volumes{name: 'a'}]", true},
		{"variable", "a variable is what it says", "object.spec.volumes + variables.more", true},
		{"variable of both", "also by itself", "variables.all", true},
		{"broken variable", "what cannot be parsed is a fault, told elsewhere", "variables.broken + [Object.spec.volumes{name: 'a'}]", true},
		{"broken", "as is the expression", "object.", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			nested := "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, volumeMounts: " + test.value + "})}}"
			for _, expression := range []string{"Object{spec: Object.spec{volumes: " + test.value + "}}", nested} {
				if got := dialect.Mixes(expression, variables); got != test.want {
					t.Errorf("%s: Mixes(%s) = %t", test.reason, expression, got)
				}
			}
		})
	}
}
