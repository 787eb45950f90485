package s3dev_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cesnet/rwm/s3dev"
	"github.com/minio/minio-go/v7"
)

// TestYear lives through a year in several buckets of one process, day by day,
// under the rules of a promise of 30 days: what was current or deleted less
// than 30 days ago is there, and what was deleted is gone two days after its
// lock.
func TestYear(t *testing.T) {
	t.Parallel()
	const buckets, grace = 4, 10
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	e := startAt(t, s3dev.AWS)
	ctx := context.Background()
	c := e.client(adminUser)
	mode, days, unit := minio.Compliance, uint(30+grace), minio.Days
	type life struct{ born, died int }
	lives := make([]map[string]*life, buckets)
	for b := range buckets {
		name := fmt.Sprint("year", b)
		e.ok(c.MakeBucket(ctx, name, minio.MakeBucketOptions{ObjectLocking: true}))
		e.ok(c.SetObjectLockConfig(ctx, name, &mode, &days, &unit))
		e.rules(name, promiseRules)
		lives[b] = map[string]*life{}
	}
	check := func(b, today int) {
		left := " " + e.versions(fmt.Sprint("year", b), nil)
		for key, l := range lives[b] {
			there := strings.Contains(left, " "+key+" ")
			if l.died < 0 || today-l.died < 30 {
				if !there {
					t.Fatalf("day %d: %s of bucket %d is gone: %+v", today, key, b, *l)
				}
			} else if there && today > max(l.died+30, l.born+30+grace)+2 {
				t.Fatalf("day %d: %s of bucket %d is still there: %+v", today, key, b, *l)
			}
		}
	}
	for today := range 365 {
		e.Clock().Freeze(lockStart.Add(time.Duration(today) * day))
		for b := range buckets {
			key := fmt.Sprintf("k%d", today)
			e.put(c, fmt.Sprint("year", b), key, "x")
			lives[b][key] = &life{today, -1}
			victim := fmt.Sprintf("k%d", rnd.IntN(today+1))
			if l := lives[b][victim]; l.died < 0 && rnd.IntN(2) == 0 {
				e.ok(c.RemoveObject(ctx, fmt.Sprint("year", b), victim, minio.RemoveObjectOptions{}))
				l.died = today
			}
			if today%30 == b {
				check(b, today)
			}
		}
	}
	for b := range buckets {
		check(b, 364)
	}
}

// BenchmarkLifecycleDay is one day of a bucket with 50,000 versions under rules.
func BenchmarkLifecycleDay(b *testing.B) {
	e := startAt(b, s3dev.AWS)
	c := e.bucket("big", true)
	for i := range 50_000 {
		e.put(c, "big", fmt.Sprint("k", i), "")
	}
	e.rules("big", promiseRules)
	for b.Loop() {
		e.Clock().Advance(day)
	}
}
