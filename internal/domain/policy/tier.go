package policy

import (
	"fmt"
	"strings"
)

// Tier says what happens to a request that a policy does not like.
type Tier string

// The tiers, from the strictest.
const (
	// Mandatory blocks, for cluster administrators too, and cannot be waived.
	Mandatory Tier = "Mandatory"
	// Default is applied by itself, and blocks where it was not; an approved
	// override that expires may waive it.
	Default Tier = "Default"
	// Recommended warns and reports, and never blocks.
	Recommended Tier = "Recommended"
)

// Tiers are all tiers, from the strictest.
func Tiers() []Tier { return []Tier{Mandatory, Default, Recommended} }

// The labels and annotations a policy's metadata is read from.
const (
	// TierLabel names the tier, on a policy of any kind: mandatory, default or
	// recommended, in any case. It wins over everything else.
	TierLabel = "policy.roadbed.dev/tier"
	// CategoryAnnotation holds a category; "Tier 1: ..." to "Tier 3: ..." name a tier.
	CategoryAnnotation = "policies.kyverno.io/category"
	// SeverityAnnotation holds critical, high, medium, low or info.
	SeverityAnnotation = "policies.kyverno.io/severity"
	// TitleAnnotation holds a title for people.
	TitleAnnotation = "policies.kyverno.io/title"
	// DescriptionAnnotation says what the policy is for.
	DescriptionAnnotation = "policies.kyverno.io/description"
)

// Action is what a policy asks for by its own format, where it names no tier.
type Action string

// The actions, of any format.
const (
	// Enforce blocks: Kyverno's Enforce, a binding's Deny.
	Enforce Action = "Enforce"
	// Audit lets pass and tells: Kyverno's Audit, a binding's Warn and Audit.
	Audit Action = "Audit"
	// Mutate changes the object.
	Mutate Action = "Mutate"
)

// TierOf reads a policy's tier: from its label, else from its category, else
// from its action. An error names a label or category that says "tier" but none
// of the three.
func TierOf(labels, annotations map[string]string, action Action) (Tier, error) {
	if value, ok := labels[TierLabel]; ok {
		return tierNamed(value)
	}
	if tier, ok, err := tierOfCategory(annotations[CategoryAnnotation]); ok || err != nil {
		return tier, err
	}
	switch action {
	case Enforce:
		return Mandatory, nil
	case Mutate:
		return Default, nil
	default:
		return Recommended, nil
	}
}

func tierNamed(value string) (Tier, error) {
	for _, tier := range Tiers() {
		if strings.EqualFold(value, string(tier)) {
			return tier, nil
		}
	}
	return "", fmt.Errorf("label %s: %q is no tier; use mandatory, default or recommended", TierLabel, value)
}

// tierOfCategory understands "Tier N" and "Tier N: whatever".
func tierOfCategory(category string) (Tier, bool, error) {
	head, _, _ := strings.Cut(category, ":")
	number, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(head)), "tier ")
	if !ok {
		return "", false, nil
	}
	switch strings.TrimSpace(number) {
	case "1":
		return Mandatory, true, nil
	case "2":
		return Default, true, nil
	case "3":
		return Recommended, true, nil
	}
	return "", false, fmt.Errorf("annotation %s: %q names no tier; write \"Tier 1: ...\", \"Tier 2: ...\" or \"Tier 3: ...\"", CategoryAnnotation, category)
}

// Blocks tells whether a failure in this tier refuses the request.
func (t Tier) Blocks() bool { return t != Recommended }

// Waivable tells whether an override may waive a policy of this tier.
func (t Tier) Waivable() bool { return t != Mandatory }
