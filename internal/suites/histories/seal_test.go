package histories

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"github.com/klauspost/compress/zstd"

	engcrypto "github.com/restic/restic/rwmlink/crypto"
	engrepository "github.com/restic/restic/rwmlink/repository"
	engrestic "github.com/restic/restic/rwmlink/restic"
)

// sealer is what the password gives: the repository's real master key.
type sealer struct {
	w   *world
	key *engcrypto.Key
}

// unlock opens one of the keys as anybody with the password can; nil if none opens.
func (w *world) unlock() *sealer {
	for _, name := range w.keys("keys/") {
		var file engrepository.Key
		if json.Unmarshal(w.get(name), &file) != nil {
			continue
		}
		user, err := engcrypto.KDF(engcrypto.Params{N: file.N, R: file.R, P: file.P}, file.Salt, w.password)
		if err != nil || len(file.Data) < user.NonceSize() {
			continue
		}
		nonce, sealed := file.Data[:user.NonceSize()], file.Data[user.NonceSize():]
		plain, err := user.Open(nil, nonce, sealed, nil)
		master := &engcrypto.Key{}
		if err == nil && json.Unmarshal(plain, master) == nil {
			return &sealer{w, master}
		}
	}
	return nil
}

func (s *sealer) seal(plain []byte) []byte {
	nonce := engcrypto.NewRandomNonce()
	return s.key.Seal(slices.Clone(nonce), nonce, plain, nil)
}

func (s *sealer) open(sealed []byte) []byte {
	if len(sealed) < s.key.NonceSize() {
		return nil
	}
	plain, err := s.key.Open(nil, sealed[:s.key.NonceSize()], sealed[s.key.NonceSize():], nil)
	if err != nil {
		return nil
	}
	return plain
}

// put writes something sealed under the name that it must have.
func (s *sealer) put(kind string, content any) (key string) {
	plain, ok := content.([]byte)
	if !ok {
		var err error
		plain, err = json.Marshal(content)
		must(s.w, err)
	}
	return s.write(kind, s.seal(plain))
}

func (s *sealer) write(kind string, body []byte) (key string) {
	name := engrestic.Hash(body).String()
	switch key = kind + "/" + name; kind {
	case "config":
		key = kind
	case "data":
		key = "data/" + name[:2] + "/" + name
	}
	s.w.put(s.w.raw, key, body)
	return key
}

// lock is a lock of restic's to all who read it.
func (s *sealer) lock(exclusive bool) (key string) {
	return s.put("locks", map[string]any{
		"time": s.w.now(), "exclusive": exclusive, "hostname": s.w.hosts[0].name, "username": "root", "pid": 4711, "uid": 0, "gid": 0,
	})
}

type blob struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
}

type indexed struct {
	ID    string `json:"id"`
	Blobs []blob `json:"blobs"`
}

type index struct {
	Packs []indexed `json:"packs"`
}

// pack writes a pack whose header and index agree. Blobs are named as claimed, if that
// is given, with any content.
func (s *sealer) pack(kind string, claimed []string, contents ...[]byte) (key string, entry indexed) {
	var body, header []byte
	for i, content := range contents {
		id := engrestic.Hash(content)
		if i < len(claimed) {
			if parsed, err := engrestic.ParseID(claimed[i]); err == nil {
				id = parsed
			}
		}
		sealed := s.seal(content)
		entry.Blobs = append(entry.Blobs, blob{id.String(), kind, len(body), len(sealed)})
		what := byte(0)
		if kind == "tree" {
			what = 1
		}
		header = append(header, what)
		header = binary.LittleEndian.AppendUint32(header, uint32(len(sealed)))
		header = append(header, id[:]...)
		body = append(body, sealed...)
	}
	header = s.seal(header)
	body = append(body, header...)
	body = binary.LittleEndian.AppendUint32(body, uint32(len(header)))
	entry.ID = engrestic.Hash(body).String()
	return s.write("data", body), entry
}

// stateText is a saved state, as its reader reads it.
type stateText struct {
	Bucket    string         `json:"bucket_name"`
	Policy    any            `json:"bucket_policy"`
	ACL       any            `json:"bucket_acl"`
	TimeStart string         `json:"time_start"`
	TimeEnd   string         `json:"time_end"`
	Versions  []stateVersion `json:"versions"`
	Markers   []stateVersion `json:"delete_markers"`
}

type stateVersion struct {
	ETag         string `json:",omitempty"`
	Size         int64  `json:",omitempty"`
	StorageClass string `json:",omitempty"`
	Key          string
	VersionId    string //nolint:staticcheck // S3's name
	IsLatest     bool
	LastModified string
	Owner        map[string]string
}

var errNothing = errors.New("there is nothing to do it to")

func unzip(packed []byte) []byte {
	dec, err := zstd.NewReader(nil)
	if err != nil {
		return nil
	}
	defer dec.Close()
	plain, _ := dec.DecodeAll(packed, nil)
	return plain
}

func zip(plain []byte) []byte {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		return nil
	}
	defer enc.Close() //nolint:errcheck // it writes nowhere
	return enc.EncodeAll(plain, nil)
}
