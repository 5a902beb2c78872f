package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Served lists every resource and subresource that policies may be asked about,
// those of a group in the order in which it prefers its versions. Groups whose
// server does not answer are left out.
func (c *Cluster) Served(ctx context.Context) ([]policy.Served, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.read.IsZero() && c.Clock.Since(c.read) < fresh {
		return c.served, nil
	}
	_, lists, err := c.Discovery.ServerGroupsAndResources()
	c.complete = err == nil
	if discovery.IsGroupDiscoveryFailedError(err) {
		c.Log.WarnContext(ctx, "policies do not concern resources whose server does not answer", "error", err)
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask which resources are served: %w", err)
	}
	c.all, c.served, c.objects = servedOf(lists)
	c.read = c.Clock.Now()
	return c.served, nil
}

// Forget has the next question asked anew.
func (c *Cluster) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = time.Time{}
}

// All lists everything that is served, what policies are never asked about
// included; false while a server of some of it does not answer.
func (c *Cluster) All(ctx context.Context) ([]policy.Served, bool, error) {
	if _, err := c.Served(ctx); err != nil {
		return nil, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all, c.complete, nil
}

// servedOf reads what discovery tells. A subresource has the kind of the object
// that it is part of, as policies name it: Pod, of pods/exec. Served are those of
// all that policies may be asked about, objects those of them that can be listed
// and watched.
func servedOf(lists []*metav1.APIResourceList) (all, served, objects []policy.Served) {
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		kinds := map[string]string{}
		for i := range list.APIResources {
			kinds[list.APIResources[i].Name] = list.APIResources[i].Kind
		}
		for i := range list.APIResources {
			resource, subresource, _ := strings.Cut(list.APIResources[i].Name, "/")
			if kinds[resource] == "" {
				continue
			}
			one := policy.Served{
				Group: gv.Group, Version: gv.Version, Kind: kinds[resource], Resource: resource, Subresource: subresource,
				Namespaced: list.APIResources[i].Namespaced,
			}
			all = append(all, one)
			if passing(gv.Group) || volatile(resource) {
				continue
			}
			served = append(served, one)
			if verbs := list.APIResources[i].Verbs; subresource == "" && slices.Contains(verbs, "list") && slices.Contains(verbs, "watch") {
				objects = append(objects, one)
			}
		}
	}
	return all, served, objects
}

// passing tells of groups that hold questions and measurements, no wishes.
func passing(group string) bool {
	return slices.Contains([]string{
		"authentication.k8s.io", "authorization.k8s.io", "events.k8s.io", "metrics.k8s.io", "custom.metrics.k8s.io",
		"external.metrics.k8s.io", "coordination.k8s.io", "openreports.io", "wgpolicyk8s.io",
	}, group)
}

// volatile tells of resources that the cluster's own parts write all the time.
func volatile(resource string) bool { return resource == "events" || resource == "leases" }

// Objects is the cluster as scans see it: objects that can be listed and
// watched, and no subresources.
type Objects struct{ *Cluster }

// Served lists the resources of objects.
func (o Objects) Served(ctx context.Context) ([]policy.Served, error) {
	if _, err := o.Cluster.Served(ctx); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.objects, nil
}
