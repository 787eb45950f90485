package rwm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// A pack that was deleted before the last state was saved is missed by nobody who does
// not know the password.
func TestCheckStorageWithPassword(t *testing.T) {
	w := newWorld(t).policed()
	if _, err := w.manager().Backup(t.Context(), "home"); err != nil {
		t.Fatal(err)
	}
	w.config.S3AccessKey, w.config.S3SecretKey = w.Admin.AccessKey, w.Admin.SecretKey
	admin := w.manager()
	for _, percent := range []float64{0, 50, 100} {
		c, err := admin.CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{ReadPercent: percent})
		if err != nil || !c.OK || c.Proof.Verdict != s3state.Proved || c.Proof.DataRead != (percent == 100) || c.Repository == nil || c.Repository.Packs == 0 {
			t.Fatalf("%v %+v", err, c)
		}
		if percent == 100 && (c.Repository.PacksRead != c.Repository.Packs || c.Read+int64(c.Repository.PacksRead) != c.Objects) {
			t.Errorf("%d of %d objects and %d packs were read", c.Read, c.Objects, c.Repository.PacksRead)
		}
	}
	if left := w.objects("locks/"); len(left) > 0 {
		t.Errorf("the check has locked: %q", left)
	}

	pack := w.objects("data/")[0]
	if err := w.Client(t, w.Host).RemoveObject(t.Context(), w.config.ResticBucket, pack, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.SaveState(t.Context()); err != nil {
		t.Fatal(err)
	}
	without, err := admin.Storage().CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{})
	if err != nil || without.OK || !without.Complete() || without.Proof.Verdict != s3state.NotProved {
		t.Errorf("without the password: %v %+v", err, without)
	}
	c, err := admin.CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{})
	if !errors.Is(err, s3state.ErrStorageIncomplete) || c.OK || c.Total == 0 || !strings.Contains(c.Problems[0].Reason, pack[len(pack)-64:]) {
		t.Errorf("with the password: %v %+v", err, c)
	}
	before := w.objects("")
	if _, err := admin.DropVersions(t.Context(), w.config.ResticBucket, s3state.DropOptions{RequireComplete: true}); !errors.Is(err, s3state.ErrStorageIncomplete) || !errors.Is(err, restic.ErrDamaged) {
		t.Errorf("dropping: %v", err)
	}
	if after := w.objects(""); len(after) != len(before) {
		t.Errorf("%q became %q", before, after)
	}

	// Everything is gone, the config too, and no state knows better: nothing to open.
	for _, key := range w.objects("") {
		if err := w.Client(t, w.Host).RemoveObject(t.Context(), w.config.ResticBucket, key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if c, err = admin.CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{}); err != nil && !errors.Is(err, s3state.ErrStorageIncomplete) || c.OK || c.Repository != nil {
		t.Errorf("%v %+v", err, c)
	}

	w.config.S3AccessKey, w.config.S3SecretKey = w.Host.AccessKey, w.Host.SecretKey
	if c, err := w.manager().CheckStorage(t.Context(), w.config.ResticBucket, s3state.CheckStorageOptions{}); err == nil && c.Repository != nil {
		t.Errorf("as the host: %v %+v", err, c)
	}
}

// A pack of other bytes under the name and with the size of the one that the index
// means, of which a rule has removed the right version.
func TestCheckStorageComparesHeaders(t *testing.T) {
	w := newWorld(t).policed()
	if _, err := w.manager().Backup(t.Context(), "home"); err != nil {
		t.Fatal(err)
	}
	w.config.S3AccessKey, w.config.S3SecretKey = w.Admin.AccessKey, w.Admin.SecretKey
	admin, client := w.manager(), w.Client(t, w.Admin)
	bucket, found := w.config.ResticBucket, 0
	for _, key := range w.objects("data/") {
		was, err := client.StatObject(t.Context(), bucket, key, minio.StatObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		bad, err := client.PutObject(t.Context(), bucket, key, strings.NewReader(strings.Repeat("x", int(was.Size))), was.Size, minio.PutObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		copied := minio.CopySrcOptions{Bucket: bucket, Object: key, VersionID: was.VersionID}
		if _, err := client.CopyObject(t.Context(), minio.CopyDestOptions{Bucket: bucket, Object: "kept"}, copied); err != nil {
			t.Fatal(err)
		}
		remove := func(version string) {
			if err := client.RemoveObject(t.Context(), bucket, key, minio.RemoveObjectOptions{VersionID: version}); err != nil {
				t.Fatal(err)
			}
		}
		remove(was.VersionID)
		c, err := admin.CheckStorage(t.Context(), bucket, s3state.CheckStorageOptions{})
		if !errors.Is(err, s3state.ErrStorageIncomplete) || c.OK || c.Proof.Verdict != s3state.Broken || !strings.Contains(fmt.Sprint(c.Problems), key[len(key)-64:]) {
			t.Errorf("%s: %v %+v", key, err, c)
		}
		found++
		if _, err := client.CopyObject(t.Context(), minio.CopyDestOptions{Bucket: bucket, Object: key}, minio.CopySrcOptions{Bucket: bucket, Object: "kept"}); err != nil {
			t.Fatal(err)
		}
		remove(bad.VersionID)
	}
	if found < 2 {
		t.Errorf("only %d packs", found)
	}
}
