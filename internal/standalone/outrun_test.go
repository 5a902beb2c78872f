package standalone_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// TestPortsTakenWhileStarting has etcd find its port taken that was free when it
// was chosen: once, and every time.
func TestPortsTakenWhileStarting(t *testing.T) {
	t.Parallel()
	binary, err := kubetest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		times int
		fails bool
	}{{1, false}, {100, true}} {
		t.Run(strconv.Itoa(test.times), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			plane, err := standalone.Start(t.Context(), standalone.Config{
				DataDir: filepath.Join(dir, "data"), Binary: unlucky(t, dir, binary, test.times), Ephemeral: true, AuditBodies: true,
			})
			if plane != nil {
				t.Cleanup(func() {
					if err := plane.Stop(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			if test.fails != (err != nil) || err != nil && !strings.Contains(err.Error(), "address already in use") {
				t.Errorf("got %v, fails is %v", err, test.fails)
			}
			if plane != nil {
				checkBodies(t, plane)
			}
		})
	}
}

// unlucky is a roadbed-kube whose etcd finds its port taken so many times.
func unlucky(t *testing.T, dir, binary string, times int) string {
	t.Helper()
	path := filepath.Join(dir, "kube")
	script := fmt.Sprintf(`#!/bin/sh
if [ "$1" = etcd ] && [ ! -e '%[1]s/%[2]d' ]; then
	n=0
	while ! mkdir "%[1]s/$n" 2>&-; do n=$((n+1)); done
	echo 'listen tcp 127.0.0.1:1: bind: address already in use' >&2
	exit 1
fi
exec '%[3]s' "$@"
`, dir, times-1, binary)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkBodies wants the audit log to have what was written, but nothing secret.
func checkBodies(t *testing.T, plane *standalone.Plane) {
	t.Helper()
	client, err := kubernetes.NewForConfig(plane.AdminConfig())
	if err != nil {
		t.Fatal(err)
	}
	const open, secret = "may-be-read", "may-not-be-read"
	about := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Annotations: map[string]string{"said": name}}
	}
	core, in := client.CoreV1(), metav1.NamespaceDefault
	_, one := core.ConfigMaps(in).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: about("settings"), Data: map[string]string{"a": secret}}, metav1.CreateOptions{})
	_, two := core.Secrets(in).Create(t.Context(), &corev1.Secret{ObjectMeta: about("key"), StringData: map[string]string{"a": secret}}, metav1.CreateOptions{})
	_, three := core.ServiceAccounts(in).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: about(open)}, metav1.CreateOptions{})
	if err := errors.Join(one, two, three); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, recoverLimit, "what was written is in the audit log", func() error {
		content, err := os.ReadFile(plane.AuditLogFile())
		if strings.Contains(string(content), secret) {
			t.Fatal("the audit log has what is secret")
		}
		if want := `"annotations":{"said":"` + open + `"}`; err == nil && !strings.Contains(string(content), want) {
			err = fmt.Errorf("it lacks %s", want)
		}
		return err
	})
}
