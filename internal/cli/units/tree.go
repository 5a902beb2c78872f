package units

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func (p *program) unitTreeVerb() *cobra.Command {
	out := verb.ResultOutput()
	cmd := &cobra.Command{
		Use:     "tree",
		Short:   "Show the tree of business units with what each has reserved",
		Long:    "Show the tree of business units, each with its number of tenants and with what it\nhas reserved of its envelope. A unit whose parent does not exist stands at the top\nand says so. With -o json or yaml the list of them, each with its parent.",
		Example: "  roadbed bu tree",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			units, err := listing.Units(p.Clock).List(p.Program, cmd, "")
			if err != nil {
				return err
			}
			if out.Chosen != verb.FormatText {
				return listing.Units(p.Clock).Print(p.Out, out, units, false)
			}
			return printTree(p.Out, units)
		},
	}
	out.AddFlag(cmd)
	return cmd
}

// branch is a business unit with the text that its lines begin with.
type branch struct {
	unit           unit
	prefix, indent string
}

// printTree prints business units below their parents. Units that are above
// themselves are printed last, so that nothing is left out.
func printTree(w io.Writer, units []unit) error {
	children := map[string][]unit{}
	byName := map[string]unit{}
	for _, u := range units {
		byName[u.Name] = u
	}
	for _, u := range units {
		parent := u.Spec.Parent
		if byName[parent] == nil {
			parent = ""
		}
		children[parent] = append(children[parent], u)
	}
	printed := map[string]bool{}
	for _, root := range children[""] {
		if err := printBranch(w, branch{unit: root}, children, printed); err != nil {
			return err
		}
	}
	for _, u := range units {
		if !printed[u.Name] {
			if err := printBranch(w, branch{unit: u}, children, printed); err != nil {
				return err
			}
		}
	}
	return nil
}

func printBranch(w io.Writer, b branch, children map[string][]unit, printed map[string]bool) error {
	printed[b.unit.Name] = true
	note := ""
	if parent := b.unit.Spec.Parent; parent != "" && b.prefix == "" {
		note = fmt.Sprintf(" (below %q)", parent)
	}
	_, err := fmt.Fprintf(w, "%s%s%s  tenants %d, cpu %s, memory %s\n", b.prefix, b.unit.Name, note,
		b.unit.Status.Tenants, listing.Share(b.unit, "requests.cpu"), listing.Share(b.unit, "requests.memory"))
	if err != nil {
		return err
	}
	below := slices.DeleteFunc(slices.Clone(children[b.unit.Name]), func(u unit) bool { return printed[u.Name] })
	for i, child := range below {
		next := branch{unit: child, prefix: b.indent + "├─ ", indent: b.indent + "│  "}
		if i == len(below)-1 {
			next.prefix, next.indent = b.indent+"└─ ", b.indent+"   "
		}
		if err := printBranch(w, next, children, printed); err != nil {
			return err
		}
	}
	return nil
}
