package main

import "testing"

func TestSum(t *testing.T) {
	t.Parallel()
	const metrics = `# HELP workqueue_depth Current depth of workqueue
# TYPE workqueue_depth gauge
workqueue_depth{controller="tenant",name="tenant",priority="0"} 3
workqueue_depth{controller="tier",name="tier",priority="0"} 4
workqueue_depth_total{controller="tenant"} 100
rest_client_requests_total{code="200",host="127.0.0.1:1",method="PATCH"} 1.5e+03
`
	for _, c := range []struct {
		name, metric, labels string
		want                 float64
	}{
		{"all series", "workqueue_depth", "", 7},
		{"one series", "workqueue_depth", `controller="tier"`, 4},
		{"large numbers", "rest_client_requests_total", `method="PATCH"`, 1500},
		{"no such labels", "workqueue_depth", `controller="none"`, 0},
		{"a longer name is another metric", "workqueue", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := sum(metrics, c.metric, c.labels); got != c.want {
				t.Errorf("sum = %v, want %v", got, c.want)
			}
		})
	}
}
