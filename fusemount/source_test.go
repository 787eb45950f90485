//go:build linux

package fusemount

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cesnet/rwm/internal/harness"
	"github.com/cesnet/rwm/restic"
)

// random returns n bytes that do not compress, the same ones for a seed.
func random(seed uint64, n int) []byte {
	var key [32]byte
	copy(key[:], fmt.Sprint(seed))
	out := make([]byte, n)
	rand.NewChaCha8(key).Read(out)
	return out
}

// sampleDir makes a directory with one of everything.
func sampleDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(name string, content []byte) string {
		p := filepath.Join(dir, name)
		check(os.MkdirAll(filepath.Dir(p), 0o755))
		check(os.WriteFile(p, content, 0o640))
		return p
	}
	put("empty", nil)
	put("one byte", []byte("x"))
	big := put("big", random(1, harness.Size(4, 20)<<20)) // many blobs
	put("text", bytes.Repeat([]byte("compresses well\n"), harness.Size(60_000, 300_000)))
	put("žluťoučký/kůň", []byte("utf-8"))
	put("bytes\xff\xfe\n\"\\", []byte("no utf-8"))
	put("deep/er/and/deeper/file", random(2, 70_000))
	secret := put("secret", []byte("mode 000"))
	for i := range harness.Size(100, 300) {
		put(fmt.Sprintf("small/%03d/%d", i%10, i), random(uint64(100+i), 100+37*i))
	}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	check(err)
	check(sparse.Truncate(int64(harness.Size(3, 9)) << 20))
	check(sparse.Close())

	check(os.Link(big, filepath.Join(dir, "deep", "hardlink")))
	check(os.Symlink("../nowhere/žluť", filepath.Join(dir, "dangling")))
	check(os.Symlink("target\xff", filepath.Join(dir, "raw link")))
	check(unix.Mkfifo(filepath.Join(dir, "fifo"), 0o622))
	if os.Geteuid() == 0 {
		check(unix.Mknod(filepath.Join(dir, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
		check(unix.Mknod(filepath.Join(dir, "disk"), unix.S_IFBLK|0o660, int(unix.Mkdev(259, 70_000))))
		check(os.Chown(filepath.Join(dir, "text"), 12345, 54321))
	}
	check(unix.Mknod(filepath.Join(dir, "socket"), unix.S_IFSOCK|0o600, 0))
	for name, value := range map[string]string{"user.empty": "", "user.binary": "\x00\x01\xff", "user.text": "hello"} {
		if err := unix.Lsetxattr(filepath.Join(dir, "text"), name, []byte(value), 0); err != nil {
			t.Logf("no extended attributes here: %v", err)
			break
		}
	}
	_ = unix.Lsetxattr(filepath.Join(dir, "deep"), "user.dir", []byte("on a directory"), 0)
	check(os.Mkdir(filepath.Join(dir, "empty dir"), 0o700))
	check(os.Chmod(secret, 0))
	check(os.Chmod(filepath.Join(dir, "one byte"), 0o755|os.ModeSetuid|os.ModeSetgid))
	check(os.Chmod(filepath.Join(dir, "deep"), 0o777|os.ModeSticky))
	old := time.Date(1966, 5, 4, 3, 2, 1, 0, time.UTC) // restic's mount cannot show parts of seconds before 1970
	check(os.Chtimes(filepath.Join(dir, "text"), old, old))
	future := time.Date(2150, 1, 1, 0, 0, 0, 987654321, time.UTC)
	check(os.Chtimes(filepath.Join(dir, "small"), future, future))
	return dir
}

// backup makes a snapshot.
func backup(t *testing.T, s *restic.Session, o restic.BackupOptions) restic.Snapshot {
	t.Helper()
	r, err := s.Backup(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	sn, _, err := s.FindSnapshot(t.Context(), r.SnapshotID.String(), restic.SnapshotFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return sn
}
