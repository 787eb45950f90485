package histories

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"time"
)

// forgedState is a state that leaves out, adds or renames something, or a true one of
// the wreck, which the attacker says was saved at some time.
func forgedState(w *world, s *sealer) error {
	at := w.now().Add(-one(w, []time.Duration{0, time.Minute, 4 * time.Minute, 14 * time.Minute, time.Hour}))
	st := stateText{Bucket: w.bucket, TimeStart: at.Format(time.RFC3339Nano), TimeEnd: w.now().Format(time.RFC3339Nano)}
	how := w.r.IntN(4)
	latest := ""
	for _, v := range w.versions("") {
		e := stateVersion{Key: v.Key, VersionId: v.VersionID, LastModified: v.LastModified.Format(time.RFC3339Nano), Owner: map[string]string{"ID": "x"}}
		if how == 3 && v.LastModified.After(at) {
			continue
		}
		e.IsLatest = v.Key != latest
		latest = v.Key
		if v.DeleteMarker {
			st.Markers = append(st.Markers, e)
			continue
		}
		e.ETag, e.Size, e.StorageClass = v.ETag, v.Size, "STANDARD"
		switch {
		case how == 0 && w.r.IntN(4) == 0:
			continue
		case how == 1 && w.r.IntN(4) == 0:
			e.IsLatest = !e.IsLatest
		}
		st.Versions = append(st.Versions, e)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	must(w, json.NewEncoder(zip).Encode(st))
	must(w, zip.Close())
	w.put(w.raw, "rwm/state_"+at.Format("2006-01-02T15:04:05.000000-07:00")+".json.gz", packed.Bytes())
	return nil
}

// readIndex is the content of one index that is there; nil if none can be read.
func (s *sealer) readIndex() (key string, x *index) {
	for _, key := range some(s.w, s.w.keys("index/")) {
		var x index
		plain := s.open(s.w.get(key))
		if len(plain) > 0 && plain[0] == 2 {
			plain = unzip(plain[1:])
		}
		if json.Unmarshal(plain, &x) == nil && len(x.Packs) > 0 {
			return key, &x
		}
	}
	return "", nil
}

// forgedIndex names what is not there, or other places of what is.
func forgedIndex(w *world, s *sealer) error {
	key, x := s.readIndex()
	if x == nil {
		return errNothing
	}
	p := &x.Packs[w.r.IntN(len(x.Packs))]
	b := &p.Blobs[w.r.IntN(len(p.Blobs))]
	switch w.r.IntN(5) {
	case 0:
		p.ID = fmt.Sprintf("%x", w.bytes(32))
	case 1:
		b.Offset += 8
	case 2:
		b.ID = fmt.Sprintf("%x", w.bytes(32))
	case 3:
		b.Length += 100
	case 4:
		p.Blobs = append(p.Blobs, blob{fmt.Sprintf("%x", w.bytes(32)), "data", 0, 40})
	}
	s.put("index", x)
	if w.r.IntN(2) == 0 {
		lock := s.lock(true)
		w.remove(key)
		w.remove(lock)
	}
	return nil
}

// poison replaces packs by such as hold rubbish under the names of their blobs; their
// headers and the index agree.
func poison(w *world, s *sealer) error {
	key, x := s.readIndex()
	if x == nil {
		return errNothing
	}
	old := s.poison(key, x, x.Packs[w.r.IntN(len(x.Packs))])
	if w.r.IntN(3) > 0 {
		w.remove(old)
	}
	return nil
}

// poison has an index name a pack that holds nothing in the place of another one, whose
// key it returns.
func (s *sealer) poison(key string, x *index, old indexed) string {
	w := s.w
	var claimed []string
	var contents [][]byte
	for _, b := range old.Blobs {
		claimed = append(claimed, b.ID)
		contents = append(contents, w.bytes(b.Length-32))
	}
	_, entry := s.pack(old.Blobs[0].Type, claimed, contents...)
	lock := s.lock(true)
	defer w.remove(lock)
	for i := range x.Packs {
		if x.Packs[i].ID == old.ID {
			x.Packs[i] = entry
		}
	}
	s.put("index", x)
	w.remove(key)
	return "data/" + old.ID[:2] + "/" + old.ID
}
