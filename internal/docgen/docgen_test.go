package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"
)

func TestVerbs(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{Use: "roadbed", Short: "A platform"}
	list := &cobra.Command{Use: "list NAME", Short: "List things", Example: "roadbed list x", Run: func(*cobra.Command, []string) {}}
	list.Flags().StringP("output", "o", "yaml", "how a|b is printed")
	secret := &cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}}
	root.AddCommand(list, secret)
	var out bytes.Buffer
	if err := verbs(&out, root); err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), "A platform.\n", "## roadbed list\n", "roadbed list NAME", "| `-o`, `--output` | how a\\|b is printed | `yaml` |")
	if strings.Contains(out.String(), "secret") {
		t.Error("a hidden verb is shown")
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	source := "package a\n\n// The reasons of Ready. More.\nconst (\n\t// ReasonFull means that nothing fits.\n\tReasonFull = \"Full\"\n)\n"
	var out bytes.Buffer
	if err := conditions(&out, fstest.MapFS{"internal/domain/a/a.go": {Data: []byte(source)}}); err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), "### a: The reasons of Ready\n", "| `Full` | Nothing fits. |")
}

func TestKinds(t *testing.T) {
	t.Parallel()
	const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: things.example.org
  scope: Cluster
  names: {kind: Thing, plural: things, shortNames: [th]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        description: A thing.
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: string, description: size of it., enum: [S, L], default: S}
              parts:
                type: array
                maxItems: 3
                items:
                  type: object
                  properties:
                    name: {type: string, maxLength: 9, x-kubernetes-validations: [{rule: "true", message: must be true}]}
`
	var out bytes.Buffer
	if err := kinds(&out, fstest.MapFS{"config/crds/things.yaml": {Data: []byte(crd)}}); err != nil {
		t.Fatal(err)
	}
	contains(
		t, out.String(), "## Thing\n\n`apiVersion: things.example.org/v1`, cluster-scoped, short name `th`.",
		"| `spec.size`* | string | size of it. One of S, L. Default S. |",
		"| `spec.parts` | list of object | At most 3. |",
		"| `spec.parts[].name` | string | At most 9 characters. |",
		"- must be true",
	)
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}
