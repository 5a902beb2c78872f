package listing

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// Kind tells how the verbs list, get and describe one kind.
type Kind[T client.Object] struct {
	// singular and plural are for people; group and kind name the API.
	singular, plural string
	// example is the name of one in Corp Bank.
	example string
	gvk     schema.GroupVersionKind
	// newObject and newList make empty ones, items takes a list apart.
	newObject func() T
	newList   func() client.ObjectList
	items     func(client.ObjectList) []T
	columns   []column[T]
	// compare orders a list before the name does; optional.
	compare func(a, b T) int
}

// column is one column of a kind's table.
type column[T client.Object] struct {
	heading string
	// wide is true for columns that only -o wide shows.
	wide bool
	cell func(T) string
}

// Print writes objects in the chosen format. single is true when the user asked
// for one object: then JSON and YAML are the object itself and not a list.
func (r Kind[T]) Print(w io.Writer, out *verb.Output, objects []T, single bool) error {
	for _, object := range objects {
		object.GetObjectKind().SetGroupVersionKind(r.gvk)
		object.SetManagedFields(nil)
	}
	switch out.Chosen {
	case verb.FormatName:
		return r.printNames(w, objects)
	case verb.FormatJSON, verb.FormatYAML:
		if single {
			return out.Print(w, objects[0], nil)
		}
		return out.Print(w, listOf(objects), nil)
	default:
		return r.printTable(w, objects, out.Chosen == verb.FormatWide)
	}
}

// listOf is the list that kubectl prints and accepts.
func listOf[T client.Object](objects []T) any {
	if objects == nil {
		objects = []T{}
	}
	return map[string]any{"apiVersion": "v1", "kind": "List", "items": objects}
}

func (r Kind[T]) printNames(w io.Writer, objects []T) error {
	for _, object := range objects {
		if _, err := fmt.Fprintln(w, manifest.FullName(object)); err != nil {
			return err
		}
	}
	return nil
}

func (r Kind[T]) printTable(w io.Writer, objects []T, wide bool) error {
	var headings []string
	rows := make([][]string, len(objects))
	for _, c := range r.columns {
		if c.wide && !wide {
			continue
		}
		headings = append(headings, c.heading)
		for i, object := range objects {
			rows[i] = append(rows[i], c.cell(object))
		}
	}
	return verb.Table(w, headings, rows)
}

// sorted orders objects for people.
func (r Kind[T]) sorted(objects []T) []T {
	byName := func(a, b T) int { return cmp.Compare(a.GetName(), b.GetName()) }
	slices.SortFunc(objects, byName)
	if r.compare != nil {
		slices.SortStableFunc(objects, r.compare)
	}
	return objects
}

// Filter is a flag of a list verb that keeps objects whose field has a value.
type Filter[T client.Object] struct {
	// Name is the flag, Usage its help.
	Name, Usage string
	// Field is what the flag is compared with.
	Field func(T) string
	// Complete offers values.
	Complete verb.Completion
}

// ListVerb lists a kind's objects.
func ListVerb[T client.Object](p *verb.Program, r Kind[T], filters ...Filter[T]) *cobra.Command {
	out := verb.ListOutput()
	selector := ""
	wanted := make([]string, len(filters))
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List " + r.plural,
		Long:    "List " + r.plural + ". With -o wide every column, with -o json or yaml the whole objects.",
		Example: fmt.Sprintf("  roadbed %[1]s list\n  roadbed %[1]s list -o wide", verbName(r.gvk)),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			objects, err := r.List(p, cmd, selector)
			if err != nil {
				return err
			}
			for i, f := range filters {
				objects = slices.DeleteFunc(objects, func(o T) bool { return wanted[i] != "" && f.Field(o) != wanted[i] })
			}
			if len(objects) == 0 && (out.Chosen == verb.FormatTable || out.Chosen == verb.FormatWide) {
				fmt.Fprintf(p.Err, "No %s found.\n", r.plural)
				return nil
			}
			return r.Print(p.Out, out, objects, false)
		},
	}
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "only objects with these labels, such as team=a,stage!=test")
	for i, f := range filters {
		cmd.Flags().StringVar(&wanted[i], f.Name, "", f.Usage)
		verb.CompleteFlag(cmd, f.Name, f.Complete)
	}
	out.AddFlag(cmd)
	return cmd
}

// List reads all objects with the labels, sorted for people.
func (r Kind[T]) List(p *verb.Program, cmd *cobra.Command, selector string) ([]T, error) {
	matches, err := labels.Parse(selector)
	if err != nil {
		return nil, verb.Usagef("--selector: %w", err)
	}
	c, err := p.Client()
	if err != nil {
		return nil, err
	}
	list := r.newList()
	err = p.Slowly("listing "+r.plural, func() error {
		return c.List(cmd.Context(), list, client.MatchingLabelsSelector{Selector: matches})
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", r.plural, err)
	}
	return r.sorted(r.items(list)), nil
}

// GetVerb prints the named objects.
func GetVerb[T client.Object](p *verb.Program, r Kind[T]) *cobra.Command {
	out := verb.ListOutput()
	cmd := &cobra.Command{
		Use:               "get NAME...",
		Short:             "Print a " + r.singular + " or several",
		Long:              "Print the named " + r.plural + ", as a table or, with -o json or yaml, whole.",
		Example:           fmt.Sprintf("  roadbed %[1]s get %[2]s\n  roadbed %[1]s get %[2]s -o yaml", verbName(r.gvk), r.example),
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: p.CompleteNames(r.newList),
		RunE: func(cmd *cobra.Command, names []string) error {
			return r.Show(cmd.Context(), p, out, names)
		},
	}
	out.AddFlag(cmd)
	return cmd
}

// Show reads the named objects and prints them.
func (r Kind[T]) Show(ctx context.Context, p *verb.Program, out *verb.Output, names []string) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	objects := make([]T, len(names))
	for i, name := range names {
		objects[i] = r.newObject()
		if err := c.Get(ctx, client.ObjectKey{Name: name}, objects[i]); err != nil {
			return fmt.Errorf("get %s %q: %w", r.singular, name, err)
		}
	}
	return r.Print(p.Out, out, objects, len(names) == 1)
}

// DescribeVerb prints what a person wants to know of one object.
func DescribeVerb[T client.Object](p *verb.Program, r Kind[T], describe func(*cobra.Command, client.Client, T) error) *cobra.Command {
	out := verb.ResultOutput()
	cmd := &cobra.Command{
		Use:               "describe NAME",
		Short:             "Explain a " + r.singular + ": what holds, what does not, and what to do",
		Long:              "Explain a " + r.singular + " in words: its settings, its conditions with the next step\nwhere one is not met, what it uses, and what happened to it. With -o\njson or yaml the object itself.",
		Example:           fmt.Sprintf("  roadbed %s describe %s", verbName(r.gvk), r.example),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: verb.First(p.CompleteNames(r.newList)),
		RunE: func(cmd *cobra.Command, names []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			object := r.newObject()
			if err := c.Get(cmd.Context(), client.ObjectKey{Name: names[0]}, object); err != nil {
				return fmt.Errorf("get %s %q: %w", r.singular, names[0], err)
			}
			if out.Chosen != verb.FormatText {
				return r.Print(p.Out, out, []T{object}, true)
			}
			return describe(cmd, c, object)
		},
	}
	out.AddFlag(cmd)
	return cmd
}

// verbName is the verb under which a kind's verbs stand.
func verbName(gvk schema.GroupVersionKind) string {
	if gvk.Kind == "BusinessUnit" {
		return "bu"
	}
	return strings.ToLower(gvk.Kind)
}
