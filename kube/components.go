package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"
)

// components maps each name to the function that runs it with os.Args and
// returns its exit code.
var components = map[string]func() int{
	"etcd":                    etcd,
	"kube-apiserver":          apiServer,
	"kube-controller-manager": func() int { return cobraMain(controllers.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return cobraMain(scheduler.NewSchedulerCommand()) },
	"kubectl":                 func() int { return cobraMain(kubectl.NewDefaultKubectlCommand()) },
	"kwok":                    simulatedNodes,
}

func cobraMain(command *cobra.Command) int { return cli.Run(command) }

func apiServer() int {
	roomy()
	return cobraMain(apiserver.NewAPIServerCommand())
}

// etcd returns only on a clean end: etcdmain calls os.Exit on failure.
func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}

// simulatedNodes runs kwok, which plays the kubelet for nodes that do not
// exist: pods bound to them are reported Running though no process runs.
func simulatedNodes() int {
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, _ := kwoklog.InitFlags(signals.SetupSignalContext(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		fmt.Fprintf(os.Stderr, "kwok: read configuration: %v\n", err)
		return 1
	}
	command := kwok.NewCommand(ctx)
	// Kubernetes has a --version flag of its own in this process, which cobra
	// would take for the one it adds to commands that have a version.
	command.Version = ""
	command.PersistentFlags().AddFlagSet(flags)
	if err := command.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "kwok: %v\n", err)
		return 1
	}
	return 0
}

// versionLine names the Kubernetes version that the linker stamped in.
func versionLine() string {
	v := version.Get()
	return fmt.Sprintf("%s %s %s %s", self, v.GitVersion, v.GoVersion, v.Platform)
}
