package mutate

// Difference is one place where overlays do what their author wrote rather than
// what Kyverno 1.19 does.
type Difference struct {
	// Name is short and stable, for messages and documentation.
	Name string
	// Kyverno says what Kyverno 1.19 does.
	Kyverno string
	// Roadbed says what happens here.
	Roadbed string
}

// Differences lists where overlays differ from Kyverno 1.19, in a stable order.
func Differences() []Difference {
	return []Difference{
		{
			Name:    "add-if-absent-per-element",
			Kyverno: "+(key) below an element of a list is decided by the first element it meets, and holds for the elements after it: values that were set are overwritten, missing ones stay missing",
			Roadbed: "+(key) is decided for each element of the list by itself",
		},
		{
			Name:    "named-element",
			Kyverno: "an element with a plain name and an anchor is applied to every element of the list",
			Roadbed: "it is applied to the element of that name, which is added where there is none",
		},
		{
			Name:    "elements-without-name",
			Kyverno: "an element with anchors changes only elements that have a field called name",
			Roadbed: "it changes every element its conditions hold for",
		},
		{
			Name:    "order-kept",
			Kyverno: "elements that an overlay changes move to the front of their list",
			Roadbed: "they keep their place; new elements go to the front, as with Kyverno",
		},
		{
			Name:    "unknown-kinds",
			Kyverno: "lists of objects in kinds Kubernetes does not know are replaced as a whole",
			Roadbed: "they are merged by name where all their elements have one",
		},
		{
			Name:    "condition-is-no-change",
			Kyverno: "the value of a condition that holds an object is merged into the result, wildcards and all",
			Roadbed: "a condition never changes anything; +(key) inside of one does",
		},
		{
			Name:    "global-with-change",
			Kyverno: "what stands beside a <(key) in an element of a list is ignored",
			Roadbed: "it is applied to the elements that meet the condition",
		},
	}
}
