package format_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/cli/policies/format"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// findings are one of each status, one that is waived, and one of a live object.
func findings(t *testing.T) []format.Finding {
	t.Helper()
	objects, mistakes := scenario.ParseObjects("dir/my pod.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: a\n  - name: b\n    image: x\n"))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	live := scenario.Of(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop"}})
	result := func(status policy.Status, tier policy.Tier) policy.Result {
		return policy.Result{Policy: "p", Kind: "ClusterPolicy", Rule: "r-" + string(status), Tier: tier, Lane: policy.Legacy, Status: status, Message: "it says <" + string(status) + ">", Severity: "high", Category: "c"}
	}
	wrong := result(policy.Fail, policy.Mandatory)
	wrong.Field = "/spec/containers/1/image/"
	waived := result(policy.Skip, policy.Default)
	waived.Override = "shop/ticket-1"
	return []format.Finding{
		format.Of(result(policy.Pass, policy.Mandatory), objects[0]),
		format.Of(wrong, objects[0]),
		format.Of(result(policy.Fail, policy.Recommended), objects[0]),
		format.Of(result(policy.Warn, policy.Recommended), objects[0]),
		format.Of(result(policy.Error, policy.Default), live),
		format.Of(result(policy.Skip, policy.Default), live),
		format.Of(waived, live),
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	infos := map[string]policy.Info{"p": {Title: "A policy", Description: "What it is for.\n"}}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"sarif.json":  func(out *bytes.Buffer) error { return format.SARIF(out, findings(t), infos) },
		"junit.xml":   func(out *bytes.Buffer) error { return format.JUnit(out, format.Cases(findings(t))) },
		"report.yaml": func(out *bytes.Buffer) error { return format.Report(out, findings(t)) },
		"json.json":   func(out *bytes.Buffer) error { return format.JSON(out, findings(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name, out.Bytes())
		})
	}
}

// TestSARIFHolds wants what the standard asks of every result, that a golden file
// shows badly.
func TestSARIFHolds(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := format.SARIF(&out, findings(t), nil); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID      string
				RuleIndex   int
				Kind, Level string
				Message     struct{ Text string }
				Locations   []struct {
					PhysicalLocation *struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatal(err, log)
	}
	run := log.Runs[0]
	for _, result := range run.Results {
		if result.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
			t.Errorf("result %+v names another rule by its index", result)
		}
		if result.Message.Text == "" || result.Kind != "fail" || result.Level == "none" || result.Level == "" {
			t.Errorf("result %+v has no message, or no level", result)
		}
		for _, location := range result.Locations {
			if place := location.PhysicalLocation; place != nil && (strings.Contains(place.ArtifactLocation.URI, " ") || place.Region.StartLine < 1) {
				t.Errorf("result %+v is at no place", result)
			}
		}
	}
}

func TestJUnitHoldsWhatXMLCannot(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := format.JUnit(&out, []format.Case{{Suite: "s\x00", Class: "c", Name: "n\x1b[31m", Status: policy.Fail, Message: "a\ufffeb"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(out.Bytes(), new(struct{ XMLName xml.Name })); err != nil {
		t.Errorf("%v in\n%s", err, out.String())
	}
}
