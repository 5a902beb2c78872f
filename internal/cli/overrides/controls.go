package overrides

import (
	"strings"

	"github.com/spf13/cobra"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/podsecurity"
)

// controls is what the flags say of the controls of podSecurity rules that are to
// be waived, instead of rules as a whole.
type controls struct {
	names, images, values []string
	field                 string
}

func (c *controls) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&c.names, "control", nil, "only this control of the podSecurity rules, such as Capabilities; may be repeated")
	flags.StringSliceVar(&c.images, "image", nil, "only containers of these images, with * and ?; controls of containers need some")
	flags.StringVar(&c.field, "restricted-field", "", "only this field of the control, such as spec.containers[*].securityContext.capabilities.add")
	flags.StringArrayVar(&c.values, "value", nil, "value that the restricted field may have, with * and ?; may be repeated")
	verb.CompleteFlag(cmd, "control", verb.CompleteFixed(podsecurity.Names()...))
}

// list is the controls as a PolicyOverride has them. Images are those of each of
// them; a field is of one.
func (c *controls) list() ([]policyv1.PodSecurityControl, error) {
	switch {
	case len(c.names) == 0 && (len(c.images) > 0 || c.field != "" || len(c.values) > 0):
		return nil, verb.Usagef("--image, --restricted-field and --value: say with --control which control they are of")
	case len(c.names) > 1 && c.field != "":
		return nil, verb.Usagef("--restricted-field: is a field of one control; ask for an override for each, or write them into a file")
	}
	var all []policyv1.PodSecurityControl
	for _, name := range c.names {
		control := policyv1.PodSecurityControl{ControlName: spelt(name), Images: c.images, RestrictedField: c.field, Values: c.values}
		if err := podsecurity.CheckExclusion(kyvernov1.PodSecurityStandard(control)); err != nil {
			return nil, verb.Usagef("--%s", byFlag(err.Error()))
		}
		all = append(all, control)
	}
	return all, nil
}

// spelt is the name of a control as it is to be written; upper and lower case do
// not matter.
func spelt(name string) string {
	for _, known := range podsecurity.Names() {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// byFlag replaces the field that a message begins with by its flag.
func byFlag(message string) string {
	field, said, _ := strings.Cut(message, ": ")
	flag := map[string]string{"controlName": "control", "images": "image", "restrictedField": "restricted-field", "values": "value"}[field]
	return flag + ": " + said
}
