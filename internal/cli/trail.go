package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

// trailFile is the trail's name within the data folder.
const trailFile = "trail.jsonl"

// trailQuery says which records the trail verb shows.
type trailQuery struct {
	file, action, object, actor string
	last                        int
}

func (p *program) trailVerb() *cobra.Command {
	var q trailQuery
	out := verb.NewOutput(verb.FormatTable, verb.FormatWide, verb.FormatJSON)
	cmd := &cobra.Command{
		Use:     "trail",
		GroupID: verb.GroupCluster,
		Short:   "Show the record of privileged actions",
		Long: `Show the record of privileged actions: who did what to which object, when and why.
It is read from the file that the server writes, by default that of the embedded
platform. Needs no cluster.

With -o json each record is one line, as it stands in the file. The exit code is 1
when a line of the file is no record.`,
		Example: `  roadbed trail --last 20
  roadbed trail --object payments -o wide
  roadbed trail -f /var/lib/roadbed/trail.jsonl -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if q.file == "" {
				dir, err := p.DataDir()
				if err != nil {
					return err
				}
				q.file = filepath.Join(dir, trailFile)
			}
			return p.showTrail(q, out)
		},
	}
	cmd.Flags().StringVarP(&q.file, "filename", "f", "", "file of the trail, - for standard input")
	cmd.Flags().StringVar(&q.action, "action", "", "only this action, such as tenancy.tenant.cordon")
	cmd.Flags().StringVar(&q.object, "object", "", "only actions on objects of this name or in this namespace")
	cmd.Flags().StringVar(&q.actor, "actor", "", "only what this user did")
	cmd.Flags().IntVar(&q.last, "last", 0, "only the last records, this many")
	out.AddFlag(cmd)
	return cmd
}

func (p *program) showTrail(q trailQuery, out *verb.Output) error {
	records := trail.Read(q.file)
	if q.file == "-" {
		records = trail.ReadFrom(p.In)
	}
	chosen, problems := q.choose(records)
	if len(chosen) == 0 && len(problems) > 0 {
		return errors.Join(problems...)
	}
	if err := p.printTrail(chosen, out); err != nil {
		return err
	}
	return errors.Join(problems...)
}

// choose reads all records and keeps those in question.
func (q trailQuery) choose(records iter.Seq2[trail.Record, error]) (chosen []trail.Record, problems []error) {
	for record, err := range records {
		var line *trail.LineError
		switch {
		case errors.As(err, &line):
			problems = append(problems, fmt.Errorf("%s: %w", q.file, err))
		case err != nil:
			problems = append(problems, err)
		case q.matches(record):
			chosen = append(chosen, record)
		}
	}
	if q.last > 0 && len(chosen) > q.last {
		chosen = chosen[len(chosen)-q.last:]
	}
	return chosen, problems
}

func (q trailQuery) matches(r trail.Record) bool {
	return (q.action == "" || q.action == r.Action) &&
		(q.actor == "" || q.actor == r.Actor.Name) &&
		(q.object == "" || q.object == r.Object.Name || q.object == r.Object.Namespace)
}

func (p *program) printTrail(records []trail.Record, out *verb.Output) error {
	if out.Chosen == verb.FormatJSON {
		encoder := json.NewEncoder(p.Out)
		for _, record := range records {
			if err := encoder.Encode(record); err != nil {
				return err
			}
		}
		return nil
	}
	headings := []string{"TIME", "ACTOR", "ACTION", "OBJECT", "REASON"}
	if out.Chosen == verb.FormatWide {
		headings = append(headings, "BEFORE", "AFTER")
	}
	rows := make([][]string, len(records))
	for i, r := range records {
		rows[i] = []string{r.Time.UTC().Format(time.RFC3339), r.Actor.Name, r.Action, trailObject(r.Object), r.Reason}
		if out.Chosen == verb.FormatWide {
			rows[i] = append(rows[i], r.Before, r.After)
		}
	}
	return verb.Table(p.Out, headings, rows)
}

func trailObject(o trail.Object) string {
	if o.Namespace != "" {
		return o.Kind + " " + o.Namespace + "/" + o.Name
	}
	return o.Kind + " " + o.Name
}
