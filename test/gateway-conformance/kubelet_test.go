package conformance

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
)

// echoImage begins the image of pods that are run.
const echoImage = "registry.k8s.io/gateway-api/echo-basic:"

// ports of the echo server, and the variables that say where they are instead.
var ports = map[string][]string{
	"3000": {"HTTP_PORT"}, "3001": {"H2C_PORT"}, "8443": {"HTTPS_PORT"},
}

// kubelet runs the echo servers of pods.
type kubelet struct {
	binary    string
	dir       string
	clientset kubernetes.Interface
	ctx       context.Context //nolint:containedctx // the life of the processes

	mu      sync.Mutex
	running map[string]*echo  // by pod, guarded by mu
	at      map[string]string // by made-up address and port, guarded by mu
}

// echo is a running server.
type echo struct {
	cancel context.CancelFunc
	done   chan struct{}
	log    *lockedBuffer
	at     []string
}

// lockedBuffer keeps what a server wrote, with the time of each piece.
type lockedBuffer struct {
	mu     sync.Mutex
	pieces []piece
}

type piece struct {
	at   time.Time
	text []byte
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pieces = append(b.pieces, piece{time.Now(), bytes.Clone(p)})
	return len(p), nil
}

// since is what was written from a moment on.
func (b *lockedBuffer) since(moment time.Time) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []byte
	for _, p := range b.pieces {
		if !p.at.Before(moment) {
			all = append(all, p.text...)
		}
	}
	return all
}

// buildEcho builds the suite's echo server.
func buildEcho(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "echo-basic")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "sigs.k8s.io/gateway-api/conformance/echo-basic")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the echo server: %v\n%s", err, output)
	}
	return binary
}

// follow runs pods as they come, until the test ends.
func (k *kubelet) follow(ctx context.Context, t *testing.T) {
	t.Helper()
	factory := informers.NewSharedInformerFactory(k.clientset, 0)
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { k.see(t, object) },
		UpdateFunc: func(_, object any) { k.see(t, object) },
		DeleteFunc: func(object any) {
			if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			if pod, ok := object.(*corev1.Pod); ok {
				k.end(pod.Namespace + "/" + pod.Name)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
}

func (k *kubelet) see(t *testing.T, object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Status.PodIP == "" || !strings.HasPrefix(pod.Spec.Containers[0].Image, echoImage) {
		return
	}
	name := pod.Namespace + "/" + pod.Name
	if pod.DeletionTimestamp != nil {
		k.end(name)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running[name] != nil {
		return
	}
	server, err := k.start(pod)
	if err != nil {
		t.Errorf("run pod %s: %v", name, err)
		return
	}
	k.running[name] = server
}

// start is called with mu held.
func (k *kubelet) start(pod *corev1.Pod) (*echo, error) {
	files, err := k.volumes(pod)
	if err != nil {
		return nil, err
	}
	environment := []string{"PATH=" + os.Getenv("PATH"), "TCP_PORT=" + freePort(), "TLS_PORT=" + freePort()}
	for _, each := range pod.Spec.Containers[0].Env {
		value := each.Value
		if each.ValueFrom != nil && each.ValueFrom.FieldRef != nil {
			value = map[string]string{"metadata.name": pod.Name, "metadata.namespace": pod.Namespace}[each.ValueFrom.FieldRef.FieldPath]
		}
		for mount, dir := range files {
			if rest, inside := strings.CutPrefix(value, mount); inside {
				value = dir + rest
			}
		}
		environment = append(environment, each.Name+"="+value)
	}
	server := &echo{done: make(chan struct{}), log: &lockedBuffer{}}
	for port, variables := range ports {
		free := freePort()
		for _, variable := range variables {
			environment = append(environment, variable+"="+free)
		}
		made := net.JoinHostPort(pod.Status.PodIP, port)
		k.at[made] = net.JoinHostPort("127.0.0.1", free)
		server.at = append(server.at, made)
	}
	ctx, cancel := context.WithCancel(k.ctx)
	server.cancel = cancel
	command := exec.CommandContext(ctx, k.binary)
	command.Env, command.Stdout, command.Stderr = environment, server.log, server.log
	if err := command.Start(); err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(server.done)
		_ = command.Wait()
	}()
	return server, nil
}

// volumes writes the Secrets that a pod mounts, and says where.
func (k *kubelet) volumes(pod *corev1.Pod) (map[string]string, error) {
	made := map[string]string{}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		for _, volume := range pod.Spec.Volumes {
			if volume.Name != mount.Name {
				continue
			}
			dir := filepath.Join(k.dir, pod.Namespace, pod.Name, mount.Name)
			if err := k.write(pod.Namespace, &volume, dir); err != nil {
				return nil, err
			}
			made[mount.MountPath] = dir
		}
	}
	return made, nil
}

func (k *kubelet) write(namespace string, volume *corev1.Volume, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	data := map[string][]byte{}
	items := []corev1.KeyToPath{}
	ctx, cancel := context.WithTimeout(k.ctx, 20*time.Second)
	defer cancel()
	switch {
	case volume.Secret != nil:
		secret, err := patiently(ctx, func() (*corev1.Secret, error) { return k.secret(ctx, namespace, volume.Secret.SecretName) })
		if err != nil {
			return err
		}
		data, items = secret.Data, volume.Secret.Items
	case volume.ConfigMap != nil:
		found, err := patiently(ctx, func() (*corev1.ConfigMap, error) { return k.configMap(ctx, namespace, volume.ConfigMap.Name) })
		if err != nil {
			return err
		}
		items = volume.ConfigMap.Items
		for key, value := range found.Data {
			data[key] = []byte(value)
		}
	}
	if len(items) == 0 {
		for key := range data {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	for _, item := range items {
		if err := os.WriteFile(filepath.Join(dir, item.Path), data[item.Key], 0o600); err != nil {
			return err
		}
	}
	return nil
}

// end stops a pod's server.
func (k *kubelet) end(name string) {
	k.mu.Lock()
	server := k.running[name]
	delete(k.running, name)
	if server != nil {
		for _, made := range server.at {
			delete(k.at, made)
		}
	}
	k.mu.Unlock()
	if server != nil {
		server.cancel()
		<-server.done
	}
}

// stop ends all servers.
func (k *kubelet) stop() {
	k.mu.Lock()
	names := make([]string, 0, len(k.running))
	for name := range k.running {
		names = append(names, name)
	}
	k.mu.Unlock()
	for _, name := range names {
		k.end(name)
	}
}

// dial finds the server behind a made-up address.
func (k *kubelet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	k.mu.Lock()
	at, known := k.at[address]
	k.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("no pod has %s", address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, at)
}

// freePort is a port that nobody has at this moment.
func freePort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "0"
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}
