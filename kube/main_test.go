package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason string
		args   []string
		name   string
		rest   []string
	}{
		{"the first argument chooses", []string{"roadbed-kube", "etcd", "--version"}, "etcd", []string{"--version"}},
		{"a link's name chooses", []string{"/opt/bin/kubectl", "get", "pods"}, "kubectl", []string{"get", "pods"}},
		{"a link's name wins over an argument", []string{"kubectl", "etcd"}, "kubectl", []string{"etcd"}},
		{"Windows adds a suffix", []string{"etcd.exe"}, "etcd", nil},
		{"nothing is chosen", []string{"roadbed-kube"}, "", nil},
		{"unknown names pass through", []string{"roadbed-kube", "nginx", "-t"}, "nginx", []string{"-t"}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			name, rest := split(c.args)
			if name != c.name || !slices.Equal(rest, c.rest) {
				t.Errorf("split(%q) = %q, %q; want %q, %q", c.args, name, rest, c.name, c.rest)
			}
		})
	}
}

func TestRunWithoutComponent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		reason string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"help lists every component", []string{"roadbed-kube", "help"}, 0, "kube-controller-manager", ""},
		{"no argument is help", []string{"roadbed-kube"}, 0, "Usage:", ""},
		{"version is one line", []string{"roadbed-kube", "version"}, 0, "roadbed-kube v", ""},
		{"an unknown component is named", []string{"roadbed-kube", "nginx"}, 2, "", `no component "nginx"`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if code := run(c.args, &stdout, &stderr); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
			}
		})
	}
}

func TestUsageIsSorted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	usage(&out)
	_, list, found := strings.Cut(out.String(), "Components:\n")
	if !found {
		t.Fatalf("no list of components in %q", out.String())
	}
	names := strings.Fields(list)
	if len(names) != len(components) || !slices.IsSorted(names) {
		t.Errorf("components %q are not the sorted list of all %d", names, len(components))
	}
}
