package policies

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	platform "github.com/roadbed-dev/roadbed/internal/app/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// listed is a policy as list and get show it.
type listed struct {
	Name        string      `json:"name"`
	Kind        string      `json:"kind"`
	Tier        policy.Tier `json:"tier"`
	Action      string      `json:"action"`
	Lane        policy.Lane `json:"lane"`
	LaneReason  string      `json:"laneReason,omitempty"`
	Severity    string      `json:"severity,omitempty"`
	Category    string      `json:"category,omitempty"`
	Title       string      `json:"title,omitempty"`
	Description string      `json:"description,omitempty"`
	Rules       []string    `json:"rules,omitempty"`
	Background  bool        `json:"background"`
	Admission   bool        `json:"admission"`
	File        string      `json:"file,omitempty"`
	Line        int         `json:"line,omitempty"`
}

// actions are what tiers do, in the words of Kubernetes' own policies.
var actions = map[policy.Tier]string{
	policy.Mandatory: "Deny", policy.Default: "Deny, unless overridden", policy.Recommended: "Warn, Audit",
}

func listedOf(compiled load.Compiled) listed {
	info := compiled.Info()
	l := listed{
		Name: info.Name, Kind: info.Kind, Tier: info.Tier, Action: actions[info.Tier], Lane: info.Lane, LaneReason: info.LaneReason,
		Severity: info.Severity, Category: info.Category, Title: info.Title, Description: strings.TrimSpace(info.Description),
		Rules: info.Rules, Background: info.Background, Admission: info.Admission,
		File: compiled.Document.File, Line: compiled.Document.Line,
	}
	_, mutates := compiled.Evaluator.(policy.Mutator)
	switch {
	case !mutates || strings.Contains(info.Kind, "Image"):
	case info.Tier == policy.Default:
		l.Action = "Mutate, unless overridden"
	case strings.Contains(info.Kind, "Mutating"):
		l.Action = "Mutate"
	}
	return l
}

// addTo gives a verb that shows policies its flags.
func (s *source) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVarP(&s.files, "policy", "p", nil, "files or folders of policies, - for the standard input; the cluster's policies when not given")
	flags.BoolVar(&s.catalogue, "catalogue", false, "the platform's own policies")
}

// orCluster reads the cluster where nothing else was given.
func (s source) orCluster() source {
	s.cluster = s.cluster || len(s.files) == 0 && !s.catalogue
	return s
}

func (p *program) listVerb() *cobra.Command {
	s := source{}
	out := verb.NewOutput(verb.FormatTable, verb.FormatWide, verb.FormatJSON, verb.FormatYAML, verb.FormatName)
	tier := ""
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List policies with their tiers, and where their verdicts are reached",
		Long: `List policies: those in force in the cluster, of files (--policy) or the platform's own
with the guards of tenancy (--catalogue). The tier says what a failure does. The lane
says where a verdict is reached at admission: native policies hold while Roadbed is
down, engine and legacy ones need its webhook, for the reason shown.`,
		Example: `  roadbed policy list
  roadbed policy list --catalogue -o wide
  roadbed policy list --policy policies/ --tier mandatory`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := p.listed(cmd.Context(), s.orCluster())
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(l listed) bool { return tier != "" && !strings.EqualFold(tier, string(l.Tier)) })
			return p.printList(out, all)
		},
	}
	s.addTo(cmd)
	cmd.Flags().StringVar(&tier, "tier", "", "only policies of this tier")
	verb.CompleteFlag(cmd, "tier", verb.CompleteFixed("mandatory", "default", "recommended"))
	out.AddFlag(cmd)
	return cmd
}

func (p *program) getVerb() *cobra.Command {
	s := source{}
	out := verb.NewOutput(verb.FormatText, verb.FormatJSON, verb.FormatYAML)
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Show one policy: what it is for, its tier, lane and rules",
		Long: `Show one policy of the cluster, of files (--policy) or of the platform's own
(--catalogue): what it is for, what a failure does, where the verdict is reached at
admission and why, and its rules. A policy of a namespace is NAMESPACE/NAME.`,
		Example: `  roadbed policy get require-signed-images
  roadbed policy get require-labels --policy policies/ -o yaml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := p.listed(cmd.Context(), s.orCluster())
			if err != nil {
				return err
			}
			place := slices.IndexFunc(all, func(l listed) bool { return l.Name == args[0] })
			if place < 0 {
				return fmt.Errorf("there is no policy %q; \"roadbed policy list\" shows all", args[0])
			}
			return out.Print(p.Out, all[place], func() error { return p.printPolicy(all[place]) })
		},
	}
	s.addTo(cmd)
	out.AddFlag(cmd)
	return cmd
}

// listed reads and compiles policies, the strictest tier first.
func (p *program) listed(ctx context.Context, s source) ([]listed, error) {
	documents, err := p.read(ctx, s)
	if err != nil {
		return nil, err
	}
	if s.catalogue {
		for _, guard := range platform.Guards() {
			documents = append(documents, load.Of(guard, "guards"))
		}
	}
	if len(documents) == 0 {
		return nil, nil
	}
	options := load.Options{}
	options.Engine.Unbound = true
	compiled, problems := load.CompileEach(documents, load.Standard(options))
	if err := p.tell(problems); err != nil {
		return nil, err
	}
	all := []listed{}
	for _, each := range compiled {
		all = append(all, listedOf(each))
	}
	slices.SortFunc(all, func(a, b listed) int {
		tiers := policy.Tiers()
		return cmp.Or(cmp.Compare(slices.Index(tiers, a.Tier), slices.Index(tiers, b.Tier)), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

func (p *program) printList(out *verb.Output, all []listed) error {
	if out.Chosen == verb.FormatName {
		for _, l := range all {
			fmt.Fprintln(p.Out, l.Name)
		}
		return nil
	}
	return out.Print(p.Out, all, func() error {
		if len(all) == 0 {
			fmt.Fprintln(p.Err, "There are no policies.")
			return nil
		}
		headings := []string{"NAME", "KIND", "TIER", "ACTION", "LANE", "REASON"}
		if out.Chosen == verb.FormatWide {
			headings = append(headings, "SEVERITY", "RULES", "TITLE")
		}
		rows := make([][]string, len(all))
		for i, l := range all {
			rows[i] = []string{l.Name, l.Kind, string(l.Tier), l.Action, string(l.Lane), l.LaneReason}
			if out.Chosen == verb.FormatWide {
				rows[i] = append(rows[i], l.Severity, strings.Join(l.Rules, ", "), l.Title)
			}
		}
		return verb.Table(p.Out, headings, rows)
	})
}

func (p *program) printPolicy(l listed) error {
	lane := string(l.Lane)
	if l.LaneReason != "" {
		lane += ": " + l.LaneReason
	}
	fields := [][2]string{
		{"Name", l.Name},
		{"Kind", l.Kind},
		{"Title", l.Title},
		{"Category", l.Category},
		{"Severity", l.Severity},
		{"Tier", string(l.Tier)},
		{"Action", l.Action},
		{"Lane", lane},
		{"Applies to", appliesTo(l)},
		{"Rules", strings.Join(l.Rules, ", ")},
		{"Read from", fmt.Sprintf("%s:%d", l.File, l.Line)},
	}
	for _, field := range fields {
		if field[1] != "" {
			fmt.Fprintf(p.Out, "%-12s %s\n", field[0]+":", field[1])
		}
	}
	if l.Description != "" {
		fmt.Fprintf(p.Out, "\n%s\n", l.Description)
	}
	return nil
}

func appliesTo(l listed) string {
	var to []string
	if l.Admission {
		to = append(to, "requests")
	}
	if l.Background {
		to = append(to, "existing objects")
	}
	return strings.Join(to, ", ")
}
