// Package suites has the verb that runs tests of policies: kyverno-test.yaml
// files. Its words and its table are those of Kyverno's command line.
package suites
