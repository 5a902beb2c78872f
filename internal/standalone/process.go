package standalone

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// lifelineVariable tells roadbed-kube which descriptor to hold on to.
const lifelineVariable = "ROADBED_LIFELINE_FD"

// process is a running child. Wait MUST be called exactly once.
type process interface {
	PID() int
	// Terminate asks the process to end.
	Terminate() error
	// Kill ends the process.
	Kill() error
	// Wait returns when the process and its output have ended.
	Wait() error
}

// launcher starts components of one plane.
type launcher struct {
	binary string
	home   string
	// lifeline is inherited as descriptor 3, lock as descriptor 4.
	lifeline, lock *os.File
}

// start runs a component in a process group of its own, so that a Ctrl-C at
// the terminal reaches only us and the order of stopping stays ours. It gets
// nothing of our environment: neither proxies nor ETCD_* may change it.
func (l launcher) start(component string, args []string, log io.Writer) (process, error) {
	command := exec.Command(l.binary, append([]string{component}, args...)...)
	command.Dir = l.home
	command.Env = []string{lifelineVariable + "=" + strconv.Itoa(3), "HOME=" + l.home}
	command.ExtraFiles = []*os.File{l.lifeline, l.lock}
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return osProcess{command}, nil
}

type osProcess struct{ command *exec.Cmd }

func (p osProcess) PID() int         { return p.command.Process.Pid }
func (p osProcess) Terminate() error { return p.command.Process.Signal(syscall.SIGTERM) }
func (p osProcess) Kill() error      { return p.command.Process.Kill() }
func (p osProcess) Wait() error      { return p.command.Wait() }
