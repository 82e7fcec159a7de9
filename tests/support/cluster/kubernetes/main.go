// The parts of a Kubernetes control plane that have work without nodes, in one binary: etcd, kube-apiserver,
// kube-controller-manager, and kubectl to ask them with. The first argument says which one it is.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	commands := map[string]func() *cobra.Command{
		"kube-apiserver":          apiserver.NewAPIServerCommand,
		"kube-controller-manager": controllers.NewControllerManagerCommand,
		"kubectl":                 cmd.NewDefaultKubectlCommand,
	}
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	if name == "etcd" {
		etcdmain.Main(os.Args[1:])
		return
	}
	command, known := commands[name]
	if !known {
		fmt.Fprintln(os.Stderr, "usage: control-plane etcd|kube-apiserver|kube-controller-manager|kubectl ARGUMENT...")
		os.Exit(2)
	}
	os.Args = os.Args[1:]
	os.Exit(cli.Run(command()))
}
