package s3state_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/internal/harness/s3test"
	"github.com/cesnet/rwm/s3state"
)

// exampleBucket is a policed bucket on a server that runs for one example.
type exampleBucket struct {
	name        string
	admin, host *s3state.Store
	client      *minio.Client // the admin's
	hostClient  *minio.Client
	close       func()
}

func newExampleBucket(ctx context.Context) *exampleBucket {
	t := &exampleTB{}
	srv := s3test.Start(t)
	b := &exampleBucket{
		name: srv.Bucket(t), client: srv.Client(t, srv.Admin), hostClient: srv.Client(t, srv.Host), close: t.end,
	}
	b.admin, b.host = s3state.New(b.client), s3state.New(b.hostClient)
	if _, err := b.admin.Create(ctx, b.name, srv.Host.Name, s3state.CreateOptions{}); err != nil {
		log.Fatal(err)
	}
	return b
}

// put writes an object as the host does, named as restic names it.
func (b *exampleBucket) put(ctx context.Context, key, body string) string {
	if dir, ok := strings.CutSuffix(key, "/"); ok {
		id := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
		if key = dir + "/" + id; dir == "data" {
			key = dir + "/" + id[:2] + "/" + id
		}
	}
	_, err := b.hostClient.PutObject(ctx, b.name, key, strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// exampleTB is what a test server needs of a test.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (t *exampleTB) Helper()                      {}
func (t *exampleTB) Cleanup(f func())             { t.cleanups = append(t.cleanups, f) }
func (t *exampleTB) Fatal(args ...any)            { log.Fatal(args...) }
func (t *exampleTB) Errorf(f string, args ...any) { log.Printf(f, args...) }
func (t *exampleTB) Fatalf(f string, args ...any) { log.Fatalf(f, args...) }

func (t *exampleTB) TempDir() string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (t *exampleTB) end() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

// What a compromised host did to its bucket, and since when: here a pack was
// overwritten.
func ExampleStore_History() {
	ctx := context.Background()
	b := newExampleBucket(ctx)
	defer b.close()
	b.put(ctx, "config", "the repository's config, sealed by restic")
	pack := b.put(ctx, "data/", "a pack of the files of Monday, sealed by restic")
	b.put(ctx, pack, "what an attacker wrote into the pack instead of it")

	history, err := b.admin.History(ctx, b.name, s3state.HistoryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range history.Suspicions {
		fmt.Println(s.Reason, s.Key == pack)
	}
	// The zero time: there is no good moment before, for the first step is the
	// attack's.
	fmt.Println(history.LastGood.IsZero())
	// Output:
	// a pack was overwritten with something else true
	// true
}

// A deleted object is read as it was when a state was saved. Nothing is copied or
// restored for that.
func ExampleStore_View() {
	ctx := context.Background()
	b := newExampleBucket(ctx)
	defer b.close()
	b.put(ctx, "config", "the repository's config, sealed by restic")
	saved, err := b.host.Save(ctx, b.name, s3state.CaptureOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := b.hostClient.RemoveObject(ctx, b.name, "config", minio.RemoveObjectOptions{}); err != nil {
		log.Fatal(err)
	}

	view, err := b.admin.View(ctx, b.name, s3state.Moment{StateKey: saved.Key, StateVersion: saved.VersionID},
		s3state.ViewOptions{Verify: true})
	if err != nil {
		log.Fatal(err)
	}
	for o := range view.All("") {
		body, err := b.client.GetObject(ctx, b.name, o.Key, minio.GetObjectOptions{VersionID: o.VersionID})
		if err != nil {
			log.Fatal(err)
		}
		text, err := io.ReadAll(body)
		fmt.Printf("%s: %s (%v)\n", o.Key, text, err)
	}
	fmt.Println(view.Verification.Status)
	// Output:
	// config: the repository's config, sealed by restic (<nil>)
	// verified
}

// The admin reclaims space: first a look at what would go, then all that is old but the
// newest confirmed state and what it names.
func ExampleStore_DropVersions() {
	ctx := context.Background()
	b := newExampleBucket(ctx)
	defer b.close()
	for _, text := range []string{"first", "second", "third"} {
		b.put(ctx, "notes", text)
	}
	if _, err := b.host.Save(ctx, b.name, s3state.CaptureOptions{}); err != nil {
		log.Fatal(err)
	}

	for _, dryRun := range []bool{true, false} {
		res, err := b.admin.DropVersions(ctx, b.name, s3state.DropOptions{
			RequireComplete: true, KeepStates: 1, DryRun: dryRun,
		})
		if err != nil {
			log.Fatal(err) // a *BatchError says which versions are still there
		}
		fmt.Println(res.OldVersions, "old versions,", len(res.Kept), "state kept, a new one saved:", res.State != nil)
	}
	// Output:
	// 2 old versions, 1 state kept, a new one saved: false
	// 2 old versions, 1 state kept, a new one saved: true
}
