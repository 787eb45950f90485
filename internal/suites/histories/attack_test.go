package histories

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/cesnet/rwm/restic"
	"github.com/cesnet/rwm/s3state"
)

// attack is something that an attacker does. An error means that it could not be done,
// because of what others did before.
type attack struct {
	name string
	do   func(w *world, s *sealer) error
}

var attacks = []attack{
	{"delete", func(w *world, s *sealer) error { w.removeSome(); return nil }},
	{"delete under a forged lock", func(w *world, s *sealer) error {
		lock := s.lock(w.r.IntN(4) > 0)
		w.removeSome()
		w.remove(lock)
		return nil
	}},
	{"overwrite", func(w *world, s *sealer) error { return w.overwriteSome() }},
	{"overwrite under a forged lock", func(w *world, s *sealer) error {
		lock := s.lock(true)
		defer w.remove(lock)
		return w.overwriteSome()
	}},
	{"delete and write again", func(w *world, s *sealer) error {
		for _, key := range some(w, w.prey()) {
			body := w.get(key)
			w.remove(key)
			w.put(w.raw, key, w.spoilt(body))
		}
		return nil
	}},
	{"random calls", randomCalls},
	{"forged state", forgedState},
	{"states deleted or spoilt", func(w *world, s *sealer) error {
		for _, key := range some(w, w.keys("rwm/")) {
			if w.r.IntN(2) == 0 {
				w.remove(key)
			} else {
				w.put(w.raw, key, w.spoilt(w.get(key)))
			}
		}
		return nil
	}},
	{"password changed", func(w *world, s *sealer) error {
		return w.with(w.hosts[0], through{}, func(s *restic.Session) error {
			_, err := s.ChangePassword(w.ctx, "the attacker's", restic.KeyOptions{})
			return err
		})
	}},
	{"junk keys", func(w *world, s *sealer) error {
		for range 1 + w.r.IntN(5) {
			body := one(w, [][]byte{
				w.bytes(300), []byte(`{"kdf":"scrypt","N":2,"r":1,"p":1,"salt":"AAAA","data":"AAAA"}`),
				[]byte(`{"kdf":"scrypt","N":1048576,"r":64,"p":64,"salt":"` + strings.Repeat("A", 64) + `","data":"` + strings.Repeat("A", 200) + `"}`),
			})
			s.write("keys", append(body, []byte(strings.Repeat(" ", w.r.IntN(20)))...))
		}
		return nil
	}},
	{"forged index", forgedIndex},
	{"blobs that will be needed", foreseen},
	{"bombs", func(w *world, s *sealer) error {
		s.put(one(w, []string{"snapshots", "index", "locks"}), append([]byte{2}, zip([]byte(`{"paths":["`+strings.Repeat("a", 30<<20)+`"]}`))...))
		return nil
	}},
	{"uploads begun earlier are completed", func(w *world, s *sealer) error {
		if len(w.begun) == 0 {
			return errNothing
		}
		for _, finish := range w.begun {
			finish()
		}
		w.begun = nil
		return nil
	}},
	{"index that names nothing", func(w *world, s *sealer) error {
		lock := s.lock(true)
		defer w.remove(lock)
		s.put("index", index{Packs: []indexed{}})
		for _, key := range some(w, w.keys("index/")) {
			w.remove(key)
		}
		return nil
	}},
	{"packs that hold other than they say", poison},
	{"snapshot of nothing", func(w *world, s *sealer) error {
		s.put("snapshots", map[string]any{"time": w.now(), "tree": fmt.Sprintf("%064x", w.bytes(32)[:32]), "paths": []string{w.hosts[0].dir}, "hostname": w.hosts[0].name})
		return nil
	}},
	{"snapshots of another time", otherTimes},
	{"snapshots saved again with little or nothing in them", func(w *world, s *sealer) error { s.reduceSnapshots(one(w, []string{nothing, oneFile})); return nil }},
	{"everything but junk forgotten", func(w *world, s *sealer) error {
		return w.with(w.hosts[0], through{}, func(s *restic.Session) error {
			res, err := s.Backup(w.ctx, restic.BackupOptions{Reader: bytes.NewReader(w.bytes(50))})
			if err != nil {
				return err
			}
			_, err = s.Forget(w.ctx, restic.ForgetOptions{
				Policy: restic.Policy{Last: 1}, GroupBy: restic.GroupByNone, Prune: &restic.PruneOptions{},
				Select: func(sn restic.Snapshot) bool { return true },
			})
			_ = res
			return err
		})
	}},
	{"config replaced", func(w *world, s *sealer) error {
		switch w.r.IntN(4) {
		case 0:
			w.remove("config")
		case 1:
			w.put(w.raw, "config", w.bytes(155))
		case 2:
			s.put("config", map[string]any{"version": 2, "id": fmt.Sprintf("%x", w.bytes(32)), "chunker_polynomial": "25b468838dcb75"})
		default:
			var c map[string]any
			if !slices.Contains(w.keys("config"), "config") || json.Unmarshal(s.open(w.get("config")), &c) != nil {
				return errNothing
			}
			c["chunker_polynomial"] = "3abc9bff07d9e5"
			s.put("config", c)
		}
		return nil
	}},
	{"packs cut from the index by a real prune", func(w *world, s *sealer) error {
		// under a real lock, by restic itself, while packs that are needed go too
		return w.with(w.hosts[0], through{}, func(s *restic.Session) error {
			_, err := s.Forget(w.ctx, restic.ForgetOptions{Policy: restic.Policy{Last: 1}, Prune: &restic.PruneOptions{}, OnEvent: func(restic.Event) {}})
			for _, key := range some(w, w.keys("data/")) {
				w.remove(key)
			}
			return err
		})
	}},
	{"a lock that stays", func(w *world, s *sealer) error {
		s.lock(true)
		w.removeSome()
		return nil
	}},
	{"stray objects", func(w *world, s *sealer) error {
		for range 1 + w.r.IntN(4) {
			key := one(w, []string{"data/zz/x", "locks/junk", "rwm/junk", "index/UP", "x\x1b[31my", "rwm/state_.json.gz", "a+b", "snapshots/x y"})
			_, err := w.raw.PutObject(w.ctx, w.bucket, key, bytes.NewReader(w.bytes(60)), 60, minio.PutObjectOptions{})
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{"repair after the harm", func(w *world, s *sealer) error {
		for _, key := range some(w, w.keys("data/")) {
			w.remove(key)
		}
		return w.with(w.hosts[0], through{}, func(s *restic.Session) error {
			if _, err := s.RepairIndex(w.ctx, restic.RepairIndexOptions{}); err != nil {
				return err
			}
			_, err := s.RepairSnapshots(w.ctx, restic.RepairSnapshotsOptions{Forget: true})
			return err
		})
	}},
}

// prey are the objects of the repository that are there.
func (w *world) prey() (keys []string) {
	prefix := one(w, []string{"", "data/", "data/", "index/", "snapshots/", "keys/"})
	for _, key := range w.keys(prefix) {
		if t := s3state.TypeOf(key); t != s3state.TypeState && t != s3state.TypeLock && t != s3state.TypeOther {
			keys = append(keys, key)
		}
	}
	return keys
}

func (w *world) removeSome() {
	for _, key := range some(w, w.prey()) {
		w.remove(key)
	}
}

func (w *world) overwriteSome() error {
	for _, key := range some(w, w.prey()) {
		body := w.spoilt(w.get(key))
		// A part of no bytes is refused by a real Ceph, as minio-go signs it.
		if w.r.IntN(4) == 0 && (len(body) > 0 || w.srv.Controlled()) {
			w.multipart(w.raw, key, body)
			continue
		}
		w.put(w.raw, key, body)
	}
	return nil
}

// spoilt is another content: of the same size, shorter, none, or nearly the same.
func (w *world) spoilt(body []byte) []byte {
	switch w.r.IntN(5) {
	case 0:
		return nil
	case 1:
		return body[:len(body)/2]
	case 2:
		return w.bytes(20 + w.r.IntN(100))
	case 3:
		body = bytes.Clone(body)
		if len(body) > 0 {
			body[w.r.IntN(len(body))] ^= 1
		}
		return body
	}
	return w.bytes(len(body))
}

// randomCalls sends random requests; the server refuses those that the policy denies.
func randomCalls(w *world, s *sealer) error {
	core := minio.Core{Client: w.raw}
	for range 3 + w.r.IntN(12) {
		keys := w.keys("")
		if len(keys) == 0 {
			return errNothing
		}
		key, other := one(w, keys), one(w, keys)
		var err error
		switch w.r.IntN(10) {
		case 0:
			_, err = w.raw.PutObject(w.ctx, w.bucket, key, bytes.NewReader(w.get(other)), -1, minio.PutObjectOptions{PartSize: 5 << 20})
		case 1:
			err = w.raw.RemoveObject(w.ctx, w.bucket, key, minio.RemoveObjectOptions{})
		case 2:
			_, err = w.raw.CopyObject(w.ctx, minio.CopyDestOptions{Bucket: w.bucket, Object: key}, minio.CopySrcOptions{Bucket: w.bucket, Object: other})
		case 3:
			_, err = core.NewMultipartUpload(w.ctx, w.bucket, key, minio.PutObjectOptions{})
		case 4:
			w.multipart(w.raw, key, w.get(key))
		case 5:
			_, err = w.raw.PutObject(w.ctx, w.bucket, key, bytes.NewReader(w.get(key)), -1, minio.PutObjectOptions{
				PartSize: 5 << 20, UserTags: map[string]string{"temporary": "1"}, UserMetadata: map[string]string{"x-amz-acl": "public-read"}})
		case 6:
			_, err = w.raw.PutObject(w.ctx, w.bucket, key, bytes.NewReader(w.get(key)), -1, minio.PutObjectOptions{
				PartSize: 5 << 20, Mode: minio.Compliance, RetainUntilDate: w.now().Add(1000 * time.Hour)})
		case 7:
			w.put(w.raw, key, w.spoilt(w.get(key)))
		case 8:
			body := w.get(key)
			w.put(w.raw, key, w.bytes(50))
			w.put(w.raw, key, body)
		case 9:
			body := w.get(key)
			w.remove(key)
			w.put(w.raw, key, body)
		}
		_ = err // refused, then
	}
	return nil
}

// otherTimes are junk snapshots by which a retention removes the real ones.
func otherTimes(w *world, s *sealer) error {
	h := one(w, w.hosts)
	back := w.r.IntN(2) == 0
	return w.with(h, through{}, func(s *restic.Session) error {
		for i := range 1 + w.r.IntN(3) {
			at := w.now().Add(time.Duration(i+1) * 500 * time.Hour)
			if back {
				at = w.now().Add(-time.Duration(i) * 3 * time.Hour)
			}
			_, err := s.Backup(w.ctx, restic.BackupOptions{Reader: bytes.NewReader(w.bytes(30)), ReaderName: path.Base(h.dir), Time: at, Host: h.name})
			if err != nil {
				return err
			}
		}
		_, err := s.Forget(w.ctx, restic.ForgetOptions{Policy: restic.Policy{Last: 1, Daily: 1}, GroupBy: restic.GroupByHost, Prune: &restic.PruneOptions{}})
		return err
	})
}

// beginUploads begins what an attacker will complete later. Some servers date an object
// to the beginning of its upload.
func (w *world) beginUploads() {
	w.note("uploads begun")
	core := minio.Core{Client: w.raw}
	for _, key := range some(w, w.prey()) {
		body := w.spoilt(w.get(key))
		if len(body) == 0 {
			body = w.bytes(40)
		}
		id, err := core.NewMultipartUpload(w.ctx, w.bucket, key, minio.PutObjectOptions{})
		must(w, err)
		w.begun = append(w.begun, func() {
			part, err := core.PutObjectPart(w.ctx, w.bucket, key, id, 1, bytes.NewReader(body), int64(len(body)), minio.PutObjectPartOptions{})
			if err == nil {
				_, err = core.CompleteMultipartUpload(w.ctx, w.bucket, key, id, []minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, minio.PutObjectOptions{})
			}
			if err != nil {
				w.note("   %s: %v", key, err)
			}
		})
	}
}

// foreseen has the next backup of a host leave out what it takes for there.
func foreseen(w *world, s *sealer) error {
	h := one(w, w.hosts)
	w.change(h)
	var claimed []string
	var contents [][]byte
	for _, body := range h.files {
		claimed = append(claimed, fmt.Sprintf("%x", sha256.Sum256(body)))
		contents = append(contents, w.bytes(len(body)))
	}
	_, entry := s.pack("data", claimed, contents...)
	s.put("index", index{Packs: []indexed{entry}})
	return w.with(h, through{}, func(s *restic.Session) error {
		_, err := s.Backup(w.ctx, restic.BackupOptions{Paths: []string{h.dir}, Force: true})
		return err
	})
}
