package standalone

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"syscall"
)

// corruption is what etcd writes when it cannot use its own files: the words of
// its write-ahead log, of its snapshots and of the bolt database.
var corruption = regexp.MustCompile(`(?i)crc mismatch|corrupt|walpb|invalid database|checksum error|version mismatch|file size too small|failed to (open|read) WAL|failed to recover v3 backend|snap: |wal: |unexpected (EOF|fault address)|freelist|invalid page|panic: `)

// Lines of a log that an error quotes.
const (
	quotedLines   = 5
	searchedLines = 60
)

// explain turns the end of a component during the start into what a person can
// act on.
func (p *Plane) explain(name string, err error) error {
	var fatal interface{ ExitCode() int }
	if !errors.As(err, &fatal) && !errors.Is(err, errNeverReady) {
		return err
	}
	log := p.plan.layout.log(name)
	if name == etcdName && p.state.Initialised {
		if found := corruptionIn(tail(log, searchedLines)); found != "" {
			return &DamagedError{
				Dir:  p.config.DataDir,
				File: p.plan.layout.etcd(),
				Log:  log,
				Err:  errors.New("etcd cannot read it: " + found),
			}
		}
	}
	return &ChildError{Child: name, Log: log, Tail: tail(log, quotedLines), Err: err}
}

// outrun says that a component ended because somebody else listens on its port.
func outrun(err error) bool {
	ended, is := errors.AsType[*ChildError](err)
	return is && strings.Contains(ended.Tail, syscall.EADDRINUSE.Error())
}

// corruptionIn returns the first line that tells of corruption, shortened.
func corruptionIn(log string) string {
	const enough = 300
	for line := range strings.Lines(log) {
		if corruption.MatchString(line) {
			line = inWords(strings.TrimSpace(line))
			return line[:min(len(line), enough)]
		}
	}
	return ""
}

// inWords is what a line of etcd's log says, without its JSON.
func inWords(line string) string {
	var said struct {
		Message string `json:"msg"`
		Error   string `json:"error"`
	}
	if json.Unmarshal([]byte(line), &said) != nil || said.Message == "" {
		return line
	}
	if said.Error == "" {
		return said.Message
	}
	return said.Message + ": " + said.Error
}
