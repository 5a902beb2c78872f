package format

import (
	"cmp"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// The parts of a SARIF log that are written; the names are the standard's.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string         `json:"id"`
		ShortDescription     sarifText      `json:"shortDescription"`
		FullDescription      *sarifText     `json:"fullDescription,omitempty"`
		DefaultConfiguration sarifConfig    `json:"defaultConfiguration"`
		Properties           map[string]any `json:"properties,omitempty"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Kind         string             `json:"kind"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation *sarifPhysical `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification,omitempty"`
	}
)

// home is where the tool is described.
const home = "https://github.com/roadbed-dev/roadbed"

// SARIF writes failures, warnings and errors as a SARIF 2.1.0 log, and rules
// that an override or exception waives as suppressed. Other results are not
// written: a log has what somebody should look at. The policies' descriptions
// are looked up in infos by name.
func SARIF(w io.Writer, findings []Finding, infos map[string]policy.Info) error {
	run := sarifRun{
		Tool:    sarifTool{sarifDriver{Name: "roadbed", InformationURI: home, Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	indexes := map[string]int{}
	for _, finding := range findings {
		if finding.Status == policy.Pass || finding.Status == policy.Skip && finding.Override == "" {
			continue
		}
		id := ruleID(finding)
		if _, known := indexes[id]; !known {
			indexes[id] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(id, finding, infos[finding.Policy]))
		}
		run.Results = append(run.Results, resultOf(id, indexes[id], finding))
	}
	return indented(w, sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func ruleID(finding Finding) string { return finding.Policy + "/" + finding.Rule }

func ruleOf(id string, finding Finding, info policy.Info) sarifRule {
	rule := sarifRule{
		ID:                   id,
		ShortDescription:     sarifText{cmp.Or(info.Title, id)},
		DefaultConfiguration: sarifConfig{levelOf(finding.Tier)},
		Properties:           map[string]any{"tier": finding.Tier, "kind": finding.Kind},
	}
	if info.Description != "" {
		rule.FullDescription = &sarifText{strings.TrimSpace(info.Description)}
	}
	if severity, ok := severities[finding.Severity]; ok {
		rule.Properties["security-severity"] = severity
	}
	if finding.Category != "" {
		rule.Properties["category"] = finding.Category
	}
	return rule
}

// severities are scores as code scanning wants them.
var severities = map[string]string{"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0"}

func levelOf(tier policy.Tier) string {
	if tier.Blocks() {
		return "error"
	}
	return "warning"
}

func resultOf(id string, ruleIndex int, finding Finding) sarifResult {
	result := sarifResult{
		RuleID: id, RuleIndex: ruleIndex, Kind: "fail", Level: levelOf(finding.Tier),
		Message: sarifText{cmp.Or(finding.Message, "the object does not meet the policy")},
		Locations: []sarifLocation{{LogicalLocations: []sarifLogical{{
			FullyQualifiedName: finding.Resource.String(), Kind: "resource",
		}}}},
	}
	if finding.Status == policy.Warn {
		result.Level = "warning"
	}
	if finding.File != "" {
		result.Locations[0].PhysicalLocation = &sarifPhysical{
			ArtifactLocation: sarifArtifact{(&url.URL{Path: filepath.ToSlash(finding.File)}).String()},
			Region:           sarifRegion{max(finding.Line, 1)},
		}
	}
	if finding.Override != "" {
		result.Suppressions = []sarifSuppression{{Kind: "external", Status: "accepted", Justification: finding.Override}}
	}
	return result
}
