// Command preflight says what building and running Roadbed needs, and what
// this machine has of it.
//
// It only informs, with one exception: it exits with 1 when the Go version is
// too old, because nothing that follows could work.
package main

import (
	"flag"
	"fmt"
	"go/version"
	"io"
	"os"
	"regexp"
	"runtime"
	"text/tabwriter"
)

// What the first build and a running platform use, measured and rounded up.
const (
	neededDisk   = 8 << 30
	neededMemory = 3 << 30
)

// need is one thing that Roadbed needs.
type need struct {
	what, wanted, found string
	// short says what will go wrong; empty when there is enough.
	short string
	// fatal needs stop the build.
	fatal bool
}

func main() {
	gomod := flag.String("gomod", "go.mod", "file whose go line names the Go version needed")
	dir := flag.String("dir", ".", "directory whose disk will be filled")
	flag.Parse()
	wanted, err := goVersion(*gomod)
	if err != nil {
		fmt.Fprintf(os.Stderr, "preflight: %v\n", err)
		os.Exit(1)
	}
	needs := []need{
		goNeed(runtime.Version(), wanted),
		sizeNeed("free disk", neededDisk, freeDisk(*dir), "the build may run out of space"),
		sizeNeed("memory", neededMemory, memory(), "the control plane may be killed"),
	}
	if !report(os.Stdout, needs) {
		os.Exit(1)
	}
}

var goLine = regexp.MustCompile(`(?m)^go\s+(\S+)\s*$`)

// goVersion reads the Go version that a go.mod file asks for.
func goVersion(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	match := goLine.FindSubmatch(content)
	if match == nil {
		return "", fmt.Errorf("%q has no go line", path)
	}
	return "go" + string(match[1]), nil
}

func goNeed(found, wanted string) need {
	n := need{what: "Go", wanted: wanted + " or newer", found: found, fatal: true}
	if version.Compare(found, wanted) < 0 {
		n.short = "install a newer Go and try again"
	}
	return n
}

// sizeNeed compares bytes. A machine that cannot say how much it has (found is
// 0) is given the benefit of the doubt.
func sizeNeed(what string, wanted, found uint64, consequence string) need {
	n := need{what: what, wanted: gigabytes(wanted), found: "unknown"}
	if found == 0 {
		return n
	}
	n.found = gigabytes(found)
	if found < wanted {
		n.short = consequence
	}
	return n
}

func gigabytes(n uint64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// report writes the table and tells whether to go on.
func report(w io.Writer, needs []need) bool {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer func() { _ = table.Flush() }()
	fmt.Fprintln(table, "ROADBED NEEDS\tWANTED\tFOUND\t")
	ok := true
	for _, n := range needs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", n.what, n.wanted, n.found, n.short)
		ok = ok && (n.short == "" || !n.fatal)
	}
	fmt.Fprintln(table, "The first start compiles Kubernetes: about five minutes on two cores. Later starts skip it.")
	return ok
}
