package proxy

import (
	"math"
	"strconv"
	"time"
)

// timeoutUnits are those of gRPC's timeouts.
var timeoutUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// grpcTimeout reads the header Grpc-Timeout: at most eight digits and a unit.
func grpcTimeout(value string) (time.Duration, bool) {
	if len(value) < 2 || len(value) > 9 {
		return 0, false
	}
	digits, unit := value[:len(value)-1], timeoutUnits[value[len(value)-1]]
	count, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || unit == 0 {
		return 0, false
	}
	if uint64(unit) > math.MaxInt64/max(count, 1) {
		return math.MaxInt64, true
	}
	return time.Duration(count * uint64(unit)), true
}

// overdue says that the time is up that a gRPC client grants: its backend then
// resets the call, which is no failure of the backend's to speak.
func (f *flow) overdue() bool {
	if !f.grpc {
		return false
	}
	granted, ok := grpcTimeout(f.x.Request.Header.Get("Grpc-Timeout"))
	return ok && f.proxy.clock.Since(f.x.Start) >= granted
}
