package verb

import (
	"net/netip"

	"github.com/spf13/pflag"
)

// RangesFlag adds the flag that says where the cluster's own addresses are.
func RangesFlag(flags *pflag.FlagSet, ranges *[]string, usage string) {
	flags.StringSliceVar(ranges, "cluster-cidr", nil, usage)
}

// CheckRanges says which value of the flag is no address range.
func CheckRanges(ranges []string) error {
	for _, given := range ranges {
		if prefix, err := netip.ParsePrefix(given); err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
			return Usagef("--cluster-cidr %s: must be an address range such as 10.244.0.0/16", given)
		}
	}
	return nil
}
