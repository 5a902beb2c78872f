// Command roadbed-kube is a whole Kubernetes control plane in one executable.
//
// It runs the upstream component named by the first argument, or by the name
// it was started under, with that component's own flags and unchanged code; only
// the API server's heap may grow to half a gigabyte before it is collected:
//
//	roadbed-kube kube-apiserver --help
//	ln -s roadbed-kube etcd && ./etcd --help
//
// The components share their libraries, so the executable is about a quarter
// of the size of the separate ones. It lives in its own Go module because
// Kubernetes needs replace lines that must never reach the product's go.mod.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // CronJobs name time zones on machines that have no database of them.

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// self is the name under which the executable expects its first argument to
// choose the component.
const self = "roadbed-kube"

func main() {
	if err := holdLifeline(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", self, err)
		os.Exit(2)
	}
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}

// run starts the component that args choose and returns its exit code. It
// rewrites os.Args, because every component reads its flags from there.
func run(args []string, stdout, stderr io.Writer) int {
	name, rest := split(args)
	switch name {
	case "", "help", "-h", "--help":
		usage(stdout)
		return 0
	case "version", "--version":
		fmt.Fprintln(stdout, versionLine())
		return 0
	}
	start, known := components[name]
	if !known {
		fmt.Fprintf(stderr, "%s: no component %q\n\n", self, name)
		usage(stderr)
		return 2
	}
	os.Args = append([]string{name}, rest...)
	return start()
}

// split separates the component's name from its arguments. A name taken from
// argv[0] wins, so that links to the executable behave like the originals.
func split(args []string) (name string, rest []string) {
	called := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if _, known := components[called]; known {
		return called, args[1:]
	}
	if len(args) < 2 {
		return "", nil
	}
	return args[1], args[2:]
}

func usage(w io.Writer) {
	names := make([]string, 0, len(components))
	for name := range components {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(w, "%s runs one component of a Kubernetes control plane.\n\nUsage:\n  %s COMPONENT [FLAGS]\n  %s version\n\nComponents:\n", self, self, self)
	for _, name := range names {
		fmt.Fprintf(w, "  %s\n", name)
	}
}
