package operator_test

import (
	"fmt"
	"testing"
)

// reservesTogether has tenants that wait for Roadbed to come up enter the
// ledger by one write.
func (p *platform) reservesTogether(t *testing.T) {
	if err := p.halt(); err != nil {
		t.Fatal(err)
	}
	p.unit(t, "together")
	const newcomers = 8
	for i := range newcomers {
		p.tenant(t, fmt.Sprintf("together-%d", i), "together", cpu("10"))
	}
	p.run(t)
	for i := range newcomers {
		p.ready(t, fmt.Sprintf("together-%d", i))
	}
	writes := 0
	for _, action := range p.trail.Actions("BusinessUnit", "together") {
		if action == "tenancy.businessunit.reserve" {
			writes++
		}
	}
	if writes != 1 {
		t.Errorf("%d tenants were entered by %d writes, want 1", newcomers, writes)
	}
	if held := p.reservations(t, "together"); len(held) != newcomers {
		t.Errorf("%v hold a share, want %d", held, newcomers)
	}
}
