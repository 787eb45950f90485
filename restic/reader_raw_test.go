package restic

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func rawCodecs(t testing.TB) (*zstd.Encoder, *zstd.Decoder) {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false)) // as restic has it
	if err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dec.Close)
	return enc, dec
}

// What the encoder leaves as it is comes out of the frame as it went in, and nothing
// else is touched.
func TestUnwrapRaw(t *testing.T) {
	enc, _ := rawCodecs(t)
	noise := make([]byte, 3<<20+17)
	_, _ = rand.Read(noise)
	mixed := append(bytes.Repeat([]byte("compress me "), 50_000), noise...)
	for name, c := range map[string]struct {
		plain []byte
		raw   bool
	}{
		"noise": {noise, true}, "a block": {noise[:128<<10], true}, "a block and a byte": {noise[:128<<10+1], true}, "little": {noise[:1000], true},
		"text": {bytes.Repeat([]byte("text "), 10_000), false}, "mixed": {mixed, false}, "one byte over and over": {make([]byte, 1<<20), false},
	} {
		frame := enc.EncodeAll(c.plain, nil)
		before := bytes.Clone(frame)
		got, ok := unwrapRaw(frame)
		if ok != c.raw {
			t.Errorf("%s: %v", name, ok)
		}
		if ok && !bytes.Equal(got, c.plain) {
			t.Errorf("%s: other bytes", name)
		}
		if !ok && !bytes.Equal(frame, before) {
			t.Errorf("%s: changed", name)
		}
		if ok && &got[0] != &frame[0] {
			t.Errorf("%s: not in place", name)
		}
	}
	frame := enc.EncodeAll(noise, nil)
	for name, bad := range map[string][]byte{
		"nothing": nil, "cut": frame[:len(frame)-1], "a byte more": append(bytes.Clone(frame), 0), "two frames": append(bytes.Clone(frame), frame...),
	} {
		if _, ok := unwrapRaw(bad); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzUnwrapRaw(f *testing.F) {
	enc, dec := rawCodecs(f)
	f.Add(enc.EncodeAll([]byte("\x00\x01\x02 seven"), nil))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0, 9, 0, 0, 'x'})
	f.Fuzz(func(t *testing.T, frame []byte) {
		want, err := dec.DecodeAll(bytes.Clone(frame), nil)
		got, ok := unwrapRaw(frame)
		if ok && err == nil && !bytes.Equal(got, want) {
			t.Errorf("%q, and not %q", got, want)
		}
	})
}
