// Package availability knows whether Roadbed's own provisioners can work: whether
// their server is there and lets the platform in. It tells when that changes, so
// that a Capability says so before anybody claims it.
//
//	provision.Builtin.Available -> Board (asked at intervals, and when told to) -> Capability
//
// What always holds: however many Capabilities there are, each provisioner that
// one of them uses is asked once at a time and no sooner than Every, unless Look
// says that something changed. One goroutine, Run, asks; an answer that differs
// only in ports, times or request numbers is the same answer.
package availability
