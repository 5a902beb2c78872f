// Package suite runs tests of policies: kyverno-test.yaml files of
// cli.kyverno.io/v1alpha1, which name policies, objects, and the results that
// are expected.
//
// A row of the outcome is one expectation about one object. It is met when the
// rule's result is the expected one, and, where a patched object is expected,
// when the object is equal to it. A rule that does not concern the object meets
// "pass" and "skip", and is shown as Excluded; Kyverno counts it as met whatever
// is expected, which hides rules that can never fire. An object that is not
// among the test's objects meets nothing.
//
// What a test asks for and Roadbed does not do is a problem with its file and
// line, never a row that is met.
package suite
