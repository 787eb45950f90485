package restic

import "github.com/cesnet/rwm/internal/blobload"

// runSize is how much is loaded with one request.
const runSize = 8 << 20

// packRuns puts blobs together that one request can load, as blobload.Runs does.
func packRuns[B any](blobs []B, place func(B) BlobLocation) [][]B {
	return blobload.Runs(blobs, func(b B) blobload.Place { return blobload.PlaceOf[ID](place(b)) }, runSize)
}
