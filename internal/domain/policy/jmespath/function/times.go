package function

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// times are Kyverno's functions on times, which are written as RFC 3339.
func times() []Function {
	return []Function{
		{Name: "time_now", Result: String, run: timeNow},
		{Name: "time_now_utc", Result: String, run: timeNowUTC},
		{Name: "time_since", Parameters: []Types{String, String, String}, Result: String, run: timeSince},
		{Name: "time_add", Parameters: []Types{String, String}, Result: String, run: timeAdd},
		{Name: "time_parse", Parameters: []Types{String, String}, Result: String, run: timeParse},
		{Name: "time_to_cron", Parameters: []Types{String}, Result: String, run: timeToCron},
		{Name: "time_utc", Parameters: []Types{String}, Result: String, run: timeUTC},
		{Name: "time_diff", Parameters: []Types{String, String}, Result: String, run: timeDiff},
		{Name: "time_before", Parameters: []Types{String, String}, Result: Boolean, run: timeOrder(time.Time.Before)},
		{Name: "time_after", Parameters: []Types{String, String}, Result: Boolean, run: timeOrder(time.Time.After)},
		{Name: "time_between", Parameters: []Types{String, String, String}, Result: Boolean, run: timeBetween},
		{Name: "time_truncate", Parameters: []Types{String, String}, Result: String, run: timeTruncate},
	}
}

// instants reads the first arguments as times.
func instants(arguments []any, count int) ([]time.Time, error) {
	read := make([]time.Time, count)
	for i := range count {
		var err error
		if read[i], err = instant(time.RFC3339, str(arguments[i]), i+1); err != nil {
			return nil, err
		}
	}
	return read, nil
}

func instant(layout, text string, position int) (time.Time, error) {
	read, err := time.Parse(layout, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("argument %d, %q, is not a time written as %q", position, text, layout)
	}
	return read, nil
}

func duration(argument any) (time.Duration, error) {
	read, err := time.ParseDuration(str(argument))
	if err != nil {
		return 0, fmt.Errorf("argument 2, %q, is not a duration such as 90s or 1h30m", str(argument))
	}
	return read, nil
}

func written(t time.Time) (any, error) { return t.Format(time.RFC3339), nil }

var errNoClock = errors.New("there is no clock here")

func timeNow(env *Env, _ []any) (any, error) {
	if env.Now.IsZero() {
		return nil, errNoClock
	}
	return written(env.Now)
}

func timeNowUTC(env *Env, _ []any) (any, error) {
	if env.Now.IsZero() {
		return nil, errNoClock
	}
	return written(env.Now.UTC())
}

// timeSince is the duration from a time to another one, or to now if that is
// empty, both in a layout of package time, or RFC 3339 if that is empty.
func timeSince(env *Env, arguments []any) (any, error) {
	layout := str(arguments[0])
	if layout == "" {
		layout = time.RFC3339
	}
	from, err := instant(layout, str(arguments[1]), 2)
	if err != nil {
		return nil, err
	}
	if str(arguments[2]) == "" {
		if env.Now.IsZero() {
			return nil, errNoClock
		}
		return env.Now.Sub(from).String(), nil
	}
	to, err := instant(layout, str(arguments[2]), 3)
	if err != nil {
		return nil, err
	}
	return to.Sub(from).String(), nil
}

func timeAdd(_ *Env, arguments []any) (any, error) {
	at, err := instants(arguments, 1)
	if err != nil {
		return nil, err
	}
	by, err := duration(arguments[1])
	if err != nil {
		return nil, err
	}
	return written(at[0].Add(by))
}

// timeParse reads a time in a layout of package time; a number as layout stands
// for seconds since 1970.
func timeParse(_ *Env, arguments []any) (any, error) {
	layout, text := str(arguments[0]), str(arguments[1])
	if _, err := strconv.ParseInt(layout, 10, 64); err == nil {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("argument 2, %q, is not a number of seconds", text)
		}
		return written(time.Unix(seconds, 0).UTC())
	}
	at, err := instant(layout, text, 2)
	if err != nil {
		return nil, err
	}
	return written(at)
}

// timeToCron is the schedule that comes due at the minute, on that weekday.
func timeToCron(_ *Env, arguments []any) (any, error) {
	at, err := instants(arguments, 1)
	if err != nil {
		return nil, err
	}
	t := at[0]
	return fmt.Sprintf("%d %d %d %d %d", t.Minute(), t.Hour(), t.Day(), t.Month(), t.Weekday()), nil
}

func timeUTC(_ *Env, arguments []any) (any, error) {
	at, err := instants(arguments, 1)
	if err != nil {
		return nil, err
	}
	return written(at[0].UTC())
}

// timeDiff is the duration from the first time to the second.
func timeDiff(_ *Env, arguments []any) (any, error) {
	at, err := instants(arguments, 2)
	if err != nil {
		return nil, err
	}
	return at[1].Sub(at[0]).String(), nil
}

func timeOrder(order func(a, b time.Time) bool) func(*Env, []any) (any, error) {
	return func(_ *Env, arguments []any) (any, error) {
		at, err := instants(arguments, 2)
		if err != nil {
			return nil, err
		}
		return order(at[0], at[1]), nil
	}
}

// timeBetween excludes both ends.
func timeBetween(_ *Env, arguments []any) (any, error) {
	at, err := instants(arguments, 3)
	if err != nil {
		return nil, err
	}
	return at[0].After(at[1]) && at[0].Before(at[2]), nil
}

// timeTruncate rounds down to a multiple of a duration since the year 1.
func timeTruncate(_ *Env, arguments []any) (any, error) {
	at, err := instants(arguments, 1)
	if err != nil {
		return nil, err
	}
	unit, err := duration(arguments[1])
	if err != nil {
		return nil, err
	}
	return written(at[0].Truncate(unit))
}
