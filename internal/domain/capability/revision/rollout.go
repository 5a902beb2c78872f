package revision

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// Waves is how many waves a rollout has, at least one.
func Waves(r v1alpha1.Rollout) int32 { return int32(max(1, len(r.Waves))) }

// WaveOf is the wave of a tier's claims, from 0: the last for a tier that no
// wave names.
func WaveOf(r v1alpha1.Rollout, tier string) int32 {
	for i, wave := range r.Waves {
		if slices.Contains(wave.Tiers, tier) {
			return int32(i)
		}
	}
	return Waves(r) - 1
}

// Standing is how a floating claim of the version stands.
type Standing struct {
	// Claim names it as NAMESPACE/NAME.
	Claim string
	Wave  int32
	// Arrived is whether it was rendered by the revision, and Ready whether it was
	// Ready since. Failed is that it will not get there by itself.
	Arrived, Ready, Failed bool
}

// Progress is how far a rollout is.
type Progress struct {
	// Open counts the waves that are open.
	Open int32
	// Done is that every wave is open and every claim Ready.
	Done bool
	// Stopped is that a claim has failed, so that no further wave opens.
	Stopped bool
	// Message is one sentence, the same while nothing opens or fails.
	Message string
	// After is when the next wave's time comes; 0 when no time is awaited.
	After time.Duration
}

// Advance says how far the rollout of a revision may go. first is that the
// version had no revision before, so that there is nothing to be careful with.
func Advance(rollout v1alpha1.Rollout, r *v1alpha1.CapabilityRevision, first bool, claims []Standing, now time.Time) Progress {
	waves, open := Waves(rollout), r.Status.OpenWaves
	if first {
		open = waves
	}
	for open < waves {
		if left := notBefore(rollout, r, open).Sub(now); left > 0 {
			return Progress{Open: open, After: left, Message: fmt.Sprintf("Wave %d of %d begins %s after the revision was made.", open+1, waves, rollout.Waves[open].After.Duration)}
		}
		waiting, failed := behind(claims, open)
		if len(failed) > 0 {
			return Progress{Open: open, Stopped: true, Message: fmt.Sprintf("Stopped in wave %d of %d by %s: repair the claim, or roll it back, or publish another revision.", open, waves, failed[0])}
		}
		if len(waiting) > 0 {
			return Progress{Open: open, Message: fmt.Sprintf("Wave %d of %d is under way.", open, waves)}
		}
		open++
	}
	waiting, failed := behind(claims, open)
	switch {
	case len(failed) > 0:
		return Progress{Open: open, Stopped: true, Message: fmt.Sprintf("All %d waves are open, but %s has failed.", waves, failed[0])}
	case len(waiting) > 0:
		return Progress{Open: open, Message: fmt.Sprintf("All %d waves are open; the last is under way.", waves)}
	}
	return Progress{Open: open, Done: true, Message: "Every floating claim is rendered by this revision."}
}

// notBefore is when a wave may begin.
func notBefore(rollout v1alpha1.Rollout, r *v1alpha1.CapabilityRevision, wave int32) time.Time {
	if int(wave) >= len(rollout.Waves) || rollout.Waves[wave].After == nil {
		return r.CreationTimestamp.Time
	}
	return r.CreationTimestamp.Add(rollout.Waves[wave].After.Duration)
}

// behind are the claims of open waves that are not Ready with the revision,
// sorted: those that are on their way, and those that have failed.
func behind(claims []Standing, open int32) (waiting, failed []string) {
	for _, each := range claims {
		switch {
		case each.Wave >= open || each.Arrived && each.Ready:
		case each.Failed:
			failed = append(failed, each.Claim)
		default:
			waiting = append(waiting, each.Claim)
		}
	}
	slices.SortFunc(waiting, strings.Compare)
	slices.SortFunc(failed, strings.Compare)
	return waiting, failed
}
