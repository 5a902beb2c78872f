package translate

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/finding"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/host"
)

// layer is what two listeners on a port must have in common.
func layer(protocol gatewayv1.ProtocolType) string {
	if protocol == gatewayv1.HTTPSProtocolType {
		protocol = gatewayv1.TLSProtocolType
	}
	return string(protocol)
}

// datagrams are no streams: both can have the same port.
const datagrams = string(gatewayv1.UDPProtocolType)

// findConflicts marks listeners that cannot share a port with one that counts
// before them.
func findConflicts(all []*listenerState) {
	for i, l := range all {
		for _, earlier := range all[:i] {
			if len(l.conflict) == 0 && len(earlier.accepted)+len(earlier.conflict) == 0 && earlier.spec.Port == l.spec.Port {
				l.conflict = clash(earlier, l)
			}
		}
	}
}

// clash says why a listener cannot share its port with an earlier one. Who wrote the
// listener may not see the other one: its name is not told.
func clash(earlier, l *listenerState) (found finding.Faults) {
	theirs, ours := layer(earlier.spec.Protocol), layer(l.spec.Protocol)
	switch {
	case theirs != ours && (theirs == datagrams || ours == datagrams):
	case theirs != ours:
		found.Add(string(gatewayv1.ListenerReasonProtocolConflict), fmt.Sprintf("Another listener on port %d speaks %s: use another port.", l.spec.Port, earlier.spec.Protocol))
	case earlier.hostname() == l.hostname():
		found.Add(string(gatewayv1.ListenerReasonHostnameConflict), fmt.Sprintf("Another listener on port %d answers to the same host name: use another name or port.", l.spec.Port))
	}
	return found
}

// findOverlaps marks listeners for HTTPS that answer to host names of each other.
func findOverlaps(all []*listenerState) {
	for i, l := range all {
		for j, other := range all {
			if i == j || l.spec.Protocol != gatewayv1.HTTPSProtocolType || other.spec.Protocol != l.spec.Protocol ||
				l.spec.Port != other.spec.Port || len(l.conflict)+len(other.conflict) > 0 {
				continue
			}
			if _, overlaps := host.Overlap(l.hostname(), other.hostname()); overlaps && l.overlap == "" {
				l.overlap = string(other.spec.Name)
			}
		}
	}
}
