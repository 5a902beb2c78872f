package cli

import (
	"github.com/spf13/pflag"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// rangesFlag adds the flag that says where the cluster's own addresses are.
func rangesFlag(flags *pflag.FlagSet, ranges *[]string) {
	verb.RangesFlag(flags, ranges,
		"address ranges of the cluster's pods and services, such as 10.244.0.0/16: closed to tenants, however wide their egress")
}

// platformSettings are the default settings with the cluster's ranges.
func platformSettings(ranges []string) (tenancy.Settings, error) {
	if err := verb.CheckRanges(ranges); err != nil {
		return tenancy.Settings{}, err
	}
	return tenancy.Settings{ClusterCIDRs: ranges}.WithDefaults(), nil
}
