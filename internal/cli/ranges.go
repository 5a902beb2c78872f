package cli

import (
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// rangesFlag adds the flag that says where the cluster's own addresses are.
func rangesFlag(flags *pflag.FlagSet, ranges *[]string) {
	flags.StringSliceVar(ranges, "cluster-cidr", nil,
		"address ranges of the cluster's pods and services, such as 10.244.0.0/16: closed to tenants, however wide their egress")
}

// platformSettings are the default settings with the cluster's ranges.
func platformSettings(ranges []string) (tenancy.Settings, error) {
	for _, given := range ranges {
		if prefix, err := netip.ParsePrefix(given); err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
			return tenancy.Settings{}, verb.Usagef("--cluster-cidr %s: must be an address range such as 10.244.0.0/16", given)
		}
	}
	return tenancy.Settings{ClusterCIDRs: ranges}.WithDefaults(), nil
}
