package laws

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// above lists, for each layer, the layers it may import. Only a layer's own
// packages may be added to these; a domain or adapter means its own folder,
// never a sibling's.
var above = map[string][]string{
	"cmd":        {"cli"},
	"cli":        {"app", "domain", "adapter", "standalone", "kernel", "api", "config", "examples"},
	"app":        {"domain", "adapter", "standalone", "kernel", "api", "config"},
	"domain":     {"kernel", "api"},
	"adapter":    {"kernel", "api"},
	"standalone": {"kernel", "api"},
	"kernel":     {"api"},
	"api":        {},
	"config":     {},
	"examples":   {},
	// The test harness builds on everything that starts and fills a cluster.
	"kubetest": {"app", "standalone", "kernel", "api", "config"},
	"laws":     {},
	// Benchmarks and tests of the whole, which nothing imports.
	"test": {"app", "domain", "adapter", "standalone", "kernel", "api", "config", "examples", "kubetest", "laws"},
	// The generator of docs/reference reads verbs, kinds and reasons.
	"docgen": {"cli", "config", "laws"},
	"root":   {"cli", "app", "api", "config", "examples"},
}

// testsOnly are layers that nothing but tests, of every layer, may import.
var testsOnly = []string{"kubetest", "laws"}

// testsToo are layers that the tests of every layer may import as well: the
// harness is configured in the terms of the plane it starts, and a domain is
// tested with the real thing behind its ports.
var testsToo = append([]string{"standalone", "adapter"}, testsOnly...)

// foreign lists, for layers that promise to stay light, the packages outside
// the standard library that they may import, by prefix.
var foreign = map[string][]string{
	"api":      {"k8s.io/apimachinery/", "k8s.io/api/"},
	"config":   {},
	"examples": {},
}

// forbidden packages, by prefix, with what to use instead.
var forbidden = map[string]string{
	"github.com/stretchr/testify": "compare with the standard library and go-cmp",
	"github.com/onsi/ginkgo":      "write table tests",
	"github.com/onsi/gomega":      "compare with the standard library and go-cmp",
}

// unstable packages, by prefix, promise no stable interface: a release of
// Kubernetes may change them, so that few folders may import them.
var unstable = []string{"k8s.io/apiserver/pkg/admission", "k8s.io/apiserver/pkg/cel", "k8s.io/apiserver/pkg/apis/cel"}

// expressions are the folders that may import them, one for each domain that
// evaluates the API server's CEL.
var expressions = []string{"internal/domain/policy/engine", "internal/domain/capability/provision/expression"}

// Imports holds every file to the direction of imports: cmd, cli, app, then
// domains, adapters and the standalone plane side by side, then kernel, then
// api. The modules in kube/ and tools/ import nothing of the product.
func Imports(t *Tree) []Finding {
	var found []Finding
	for _, file := range t.Files {
		if layer, _ := layerOf(file.Dir); layer == "" {
			found = append(found, Finding{file.Path, file.Dir + " is no place of the layout: say in internal/laws who may import it"})
			continue
		}
		for _, spec := range file.AST.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // the parser has accepted it, so it is quoted
			}
			if complaint := t.judge(file, target); complaint != "" {
				found = append(found, Finding{t.at(spec), complaint})
			}
		}
	}
	return found
}

// judge returns what is wrong with an import, or nothing.
func (t *Tree) judge(file *File, target string) string {
	for prefix, instead := range forbidden {
		if strings.HasPrefix(target, prefix) {
			return fmt.Sprintf("imports %s: %s", target, instead)
		}
	}
	from, own := layerOf(file.Dir)
	dir, product := strings.CutPrefix(target, t.Module+"/")
	if !product {
		return judgeForeign(file, from, target)
	}
	to, theirs := layerOf(dir)
	switch {
	case own == theirs:
		return ""
	case from == "module":
		return fmt.Sprintf("the module %s imports the product's %s", own, dir)
	case slices.Contains(above[from], to):
		return ""
	case slices.Contains(testsToo, to) && file.Test:
		return ""
	case slices.Contains(testsOnly, to):
		return dir + " is for tests only"
	}
	return fmt.Sprintf("%s must not import %s", own, dir)
}

func judgeForeign(file *File, from, target string) string {
	if within(target, unstable) && !within(file.Dir, expressions) {
		return fmt.Sprintf("imports %s, which is not stable: only %s may", target, strings.Join(expressions, " and "))
	}
	allowed, light := foreign[from]
	first, _, _ := strings.Cut(target, "/")
	standard := !strings.Contains(first, ".")
	if !light || file.Test || standard {
		return ""
	}
	for _, prefix := range allowed {
		if strings.HasPrefix(target, prefix) {
			return ""
		}
	}
	return fmt.Sprintf("%s stays light: it must not import %s", from, target)
}

// within says whether a path is one of the folders, or in one.
func within(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(path+"/", folder+"/") })
}

// layerOf names the layer of a directory, and the part of it that counts as
// the directory's own: a domain's folder for domains, the layer itself else.
func layerOf(dir string) (layer, own string) {
	parts := strings.Split(dir, "/")
	switch {
	case dir == ".":
		return "root", "root"
	case parts[0] == "kube" || parts[0] == "tools":
		return "module", parts[0]
	case parts[0] != "internal":
		return known(parts[0]), parts[0]
	case len(parts) < 2:
		return "", dir
	case (parts[1] == "domain" || parts[1] == "adapter") && len(parts) > 2:
		return parts[1], strings.Join(parts[:3], "/")
	}
	return known(parts[1]), parts[1]
}

func known(layer string) string {
	if _, ok := above[layer]; !ok {
		return ""
	}
	return layer
}
