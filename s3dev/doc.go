// Package s3dev is an S3 server in memory, for tests, demonstrations and
// development of programs that talk to S3. Call [Start]; what it returns has
// the [Server.URL], a movable [Clock], added latency, injected [Fault]s and a
// log of requests. The command cmd/s3dev runs the same server as a process.
//
// It has what a versioned, policed bucket needs: signatures, plain users
// without any bypass, tenants, bucket policies with user ARNs as principals,
// versions, null versions, delete markers, conditional writes, server-side
// copies, multipart uploads, batch deletes, object lock, ACLs and every legal
// key. The S3 protocol is versitygw's front end; the storage behind it and
// what it gets wrong or leaves out are done here. Lifecycle rules are kept but
// never run. How a real server behaves is settled by that server, not by this
// one.
//
// Objects live in memory once, however often they are copied, in an ordered
// tree for each bucket, so that a page of a listing costs the same in a bucket
// of a hundred or a million versions. A [Synthetic] bucket stores nothing.
package s3dev
