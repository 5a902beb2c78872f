package index_test

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate/index"
)

func set(keys ...int) map[int]bool {
	all := map[int]bool{}
	for _, key := range keys {
		all[key] = true
	}
	return all
}

// TestUsersAreThoseThatWereSetLast holds the index against a plain table.
func TestUsersAreThoseThatWereSetLast(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var x index.Users[int, int]
	plain := map[int]map[int]bool{}
	for range 500 {
		user := random.IntN(5)
		plain[user] = set(random.Perm(6)[:random.IntN(4)]...)
		x.Set(user, plain[user])
		for key := range 6 {
			want := map[int]bool{}
			for user, keys := range plain {
				if keys[key] {
					want[user] = true
				}
			}
			if got := set(slices.Collect(x.Of(key))...); !maps.Equal(got, want) || x.Count(key) != len(want) {
				t.Fatalf("%d is used by %v, want %v", key, got, want)
			}
		}
	}
}

func TestPutAndTakeKeepOrder(t *testing.T) {
	t.Parallel()
	var list []int
	for _, number := range []int{3, 1, 2, 3, 0} {
		list = index.Put(list, number, cmp.Compare)
	}
	for _, number := range []int{2, 7, 0} {
		list = index.Take(list, number, cmp.Compare)
	}
	if !slices.Equal(list, []int{1, 3}) {
		t.Errorf("the list is %v, want [1 3]", list)
	}
}
