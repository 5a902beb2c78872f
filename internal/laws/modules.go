package laws

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// unpublished is what a module requires that it replaces.
const unpublished = "v0.0.0"

// Modules refuses modules that two go.mod files require in different versions:
// what both need is compiled once only where it is the same.
func Modules(tree fs.FS, one, other string) ([]Finding, error) {
	wanted, err := required(tree, one)
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, r := range wanted {
		versions[r.path] = r.version
	}
	others, err := required(tree, other)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, r := range others {
		if want, both := versions[r.path]; both && r.version != want && r.version != unpublished {
			found = append(found, Finding{
				fmt.Sprintf("%s:%d", other, r.line),
				fmt.Sprintf("requires %s %s, and %s %s: go get %s@%s in its folder", r.path, r.version, one, want, r.path, want),
			})
		}
	}
	return found, nil
}

// requirement is a line of a go.mod file.
type requirement struct {
	path, version string
	line          int
}

// required are the requirements in the blocks of a go.mod file.
func required(tree fs.FS, name string) ([]requirement, error) {
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	var all []requirement
	inside := false
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0:
		case fields[0] == "require":
			inside = slices.Contains(fields, "(")
		case fields[0] == ")":
			inside = false
		case inside && len(fields) > 1:
			all = append(all, requirement{fields[0], fields[1], n})
		}
	}
	return all, lines.Err()
}
