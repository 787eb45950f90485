package blobload

import (
	"context"
	"io"
)

// handle and location are restic.BlobHandle and restic.BlobLocation beneath their
// names.
type (
	handle[T ~uint8, I ~[32]byte] = struct {
		Type T
		ID   I
	}
	location[I ~[32]byte] = struct {
		Pack                 I
		Offset, Length, Size uint
		Compressed           bool
	}
)

// Reader is a repository in types of its own: those of package restic, which this
// package does not import, since restic imports it.
type Reader[T ~uint8, I ~[32]byte, H ~handle[T, I], P ~location[I]] interface {
	Connections() int
	Locations(h H) []P
	LoadRange(ctx context.Context, t T, pack I, offset, length uint, fn func(io.Reader) error) error
	Decrypt(h H, at P, buf []byte, room func(size int) []byte) ([]byte, error)
	LoadBlob(ctx context.Context, h H) ([]byte, error)
}

// Adapter is a Reader as a Source.
type Adapter[T ~uint8, I ~[32]byte, H ~handle[T, I], P ~location[I]] struct {
	Reader     Reader[T, I, H, P]
	Data, Tree T // the types of blobs
	// Trees decodes a tree.
	Trees func(h H, plain []byte) (tree any, err error)
	// Wrong reports whether an error means that the stored data is wrong.
	Wrong func(err error) bool
}

// Connections is that of the reader.
func (a Adapter[T, I, H, P]) Connections() int { return a.Reader.Connections() }

// Place returns the first location of a blob.
func (a Adapter[T, I, H, P]) Place(h Handle) (Place, bool) {
	list := a.Reader.Locations(a.Handle(h))
	if len(list) == 0 {
		return Place{}, false
	}
	return PlaceOf(list[0]), true
}

// PlaceOf is a location as the loader knows it.
func PlaceOf[I ~[32]byte, P ~location[I]](at P) Place {
	p := location[I](at)
	return Place{Pack: [32]byte(p.Pack), Offset: p.Offset, Length: p.Length, Size: p.Size, Compressed: p.Compressed}
}

// LoadRange is that of the reader.
func (a Adapter[T, I, H, P]) LoadRange(ctx context.Context, tree bool, pack [32]byte, offset, length uint, fn func(io.Reader) error) error {
	return a.Reader.LoadRange(ctx, a.kind(tree), I(pack), offset, length, fn)
}

// Decrypt is that of the reader.
func (a Adapter[T, I, H, P]) Decrypt(h Handle, p Place, buf []byte, room func(size int) []byte) ([]byte, error) {
	at := P(location[I]{I(p.Pack), p.Offset, p.Length, p.Size, p.Compressed})
	return a.Reader.Decrypt(a.Handle(h), at, buf, room)
}

// LoadBlob calls the reader's LoadBlob.
func (a Adapter[T, I, H, P]) LoadBlob(ctx context.Context, h Handle) ([]byte, error) {
	return a.Reader.LoadBlob(ctx, a.Handle(h))
}

// Decode decodes a tree.
func (a Adapter[T, I, H, P]) Decode(h Handle, plain []byte) (any, error) {
	return a.Trees(a.Handle(h), plain)
}

// Damaged reports whether an error means that the stored data is wrong.
func (a Adapter[T, I, H, P]) Damaged(err error) bool { return a.Wrong(err) }

// Handle names a blob as the reader does.
func (a Adapter[T, I, H, P]) Handle(h Handle) H {
	return H(handle[T, I]{a.kind(h.Tree), I(h.ID)})
}

func (a Adapter[T, I, H, P]) kind(tree bool) T {
	if tree {
		return a.Tree
	}
	return a.Data
}
