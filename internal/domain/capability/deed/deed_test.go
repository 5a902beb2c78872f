package deed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/deed"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

type paper struct {
	records []string
	err     error
}

func (p *paper) Record(_ context.Context, r trail.Record) error {
	if p.err == nil {
		p.records = append(p.records, r.Action)
	}
	return p.err
}

func TestBook(t *testing.T) {
	t.Parallel()
	to := &paper{err: errors.New("the disk is full")}
	book := deed.NewBook(to)
	record := func(action string) error {
		return book.Record(t.Context(), "uid", trail.Record{Action: action})
	}
	if err := record("make"); !errors.Is(err, to.err) {
		t.Fatalf("got %v, want the trail's error", err)
	}
	to.err = nil
	for _, action := range []string{"make", "make", "change", "make"} {
		if err := record(action); err != nil {
			t.Fatal(err)
		}
	}
	book.Forget("uid")
	if err := record("make"); err != nil {
		t.Fatal(err)
	}
	if want := 4; len(to.records) != want {
		t.Errorf("on the trail are %v, want %d", to.records, want)
	}
}
