// Package s3versions sends the S3 requests around object versions that minio-go lacks.
//
// In a versioned bucket an overwrite or a deletion keeps what was there as an old
// version. The package lists those versions completely and fast, deletes them by ID and
// copies any of them, also under keys and on servers that minio-go refuses. It knows
// nothing of backups; [github.com/cesnet/rwm/s3state] and
// [github.com/cesnet/rwm/s3tool] build on it.
//
// Make a [Client] from the *minio.Client the program uses anyway:
//
//	c := s3versions.New(client, s3versions.WithTransport(transport))
//	for v, err := range c.Versions(ctx, "backups", "data/") {
//		if err != nil {
//			return err
//		}
//		fmt.Println(v.Key, v.VersionID, v.IsLatest, v.DeleteMarker)
//	}
//
// [Client.Pages] gives the same in pages, [Client.Objects] what is current,
// [Client.Uploads] what was not completed and [Client.Buckets] the buckets;
// [Client.Delete] removes versions for good, [Client.Copy] has the server copy one, and
// [Client.Send] and [Client.Call] send any other request.
//
// # Listing
//
// A bucket of more than one page is listed in parallel, by ranges of keys that follow
// the layout of restic repositories, which makes a million versions a matter of
// seconds. Other buckets are listed as completely, only more slowly. Memory use does
// not grow with the bucket.
//
// What a server sends is not trusted: an answer that ends early, repeats or skips
// entries, or goes in circles is an [ErrBadListing] or [ErrTruncated], never a shorter
// bucket.
//
// # Retries
//
// Every request but [Client.Send], [Client.Do] and [Client.Copy] is repeated after a
// transient failure, as [WithRetries] says; [Client.OnRetry] reports it. So give the
// *minio.Client a MaxRetries of 1.
//
// # Files
//
//	client.go           Client, its options
//	errors.go           what errors.Is finds
//	version.go          Version, Owner, ETags
//	endpoint.go         where a bucket's requests go
//	request.go          signing and sending one request, reading its error
//	retry.go            which failures are transient, and repeating
//	list.go             Versions, Pages
//	objects.go          Objects
//	list_other.go       Uploads, Buckets; what a listing that is no error is
//	list_parallel.go    the ranges of a large bucket, listed at once
//	list_range.go       one range, page by page, each checked against the one before
//	page.go             one page: encoded keys, bounds
//	page_fast.go        the parser for the plain form that servers send
//	page_fast_entry.go  its entries
//	page_xml.go         the parser for any other form
//	xml_legal.go        what XML can and cannot carry
//	delete.go           deleting versions
//	copy.go             copying a version
package s3versions
