package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/health"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// healthTimeout bounds the question to a running server.
const healthTimeout = 3 * time.Second

func (p *program) domainsVerb() *cobra.Command {
	out := verb.NewOutput(verb.FormatTable, verb.FormatWide, verb.FormatJSON, verb.FormatYAML)
	server := ""
	cmd := &cobra.Command{
		Use:     "domains",
		GroupID: verb.GroupCluster,
		Short:   "List the platform's domains: kinds, routes, stage and health",
		Long: `List the domains of the platform: their stage, the kinds they own, the HTTP routes
they serve, and how they are. What a domain has is known without a cluster; how it is
says the running server, whose address --server gives.`,
		Example:           "  roadbed domains\n  roadbed domains --server http://127.0.0.1:8080 -o wide",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			domains, err := p.domains(cmd.Context(), server)
			if err != nil {
				return err
			}
			return out.Print(p.Out, domains, func() error {
				return printDomains(p, domains, out.Chosen == verb.FormatWide)
			})
		},
	}
	cmd.Flags().StringVar(&server, "server", "", "address of a running server's health port, to ask how the domains are")
	out.AddFlag(cmd)
	return cmd
}

// domains are those of the server or, without one, of this program.
func (p *program) domains(ctx context.Context, server string) ([]health.Domain, error) {
	if server != "" {
		return askDomains(ctx, server)
	}
	var domains []health.Domain
	for _, m := range app.Modules(app.Options{}) {
		domain := health.DescribeDomain(m.Describe())
		domain.Health = "not asked"
		domains = append(domains, domain)
	}
	return domains, nil
}

func askDomains(ctx context.Context, server string) ([]health.Domain, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(server, "/")+"/domains", http.NoBody)
	if err != nil {
		return nil, verb.Usagef("--server: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the server: %s answers %s", request.URL, response.Status)
	}
	var domains []health.Domain
	if err := json.NewDecoder(response.Body).Decode(&domains); err != nil {
		return nil, fmt.Errorf("ask the server: %s is no list of domains: %w", request.URL, err)
	}
	return domains, nil
}

func printDomains(p *program, domains []health.Domain, wide bool) error {
	headings := []string{"NAME", "STAGE", "KINDS", "ROUTES", "HEALTH"}
	if wide {
		headings = append(headings, "CONTROLLERS", "SUMMARY")
	}
	rows := make([][]string, len(domains))
	for i, d := range domains {
		rows[i] = []string{d.Name, d.Stage, strings.Join(d.Kinds, ","), strings.Join(d.Routes, ","), d.Health}
		if wide {
			rows[i] = append(rows[i], strings.Join(d.Controllers, ","), d.Summary)
		}
	}
	return verb.Table(p.Out, headings, rows)
}
