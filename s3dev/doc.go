// Package s3dev is an S3 server in memory, for tests, demonstrations and
// development of programs that talk to S3. Call [Start]; what it returns has
// the [Server.URL], a movable [Clock], added latency, injected [Fault]s and a
// log of requests. The command cmd/s3dev runs the same server as a process.
//
// It has what a versioned, policed bucket needs: signatures, plain users
// without any bypass, tenants and accounts, bucket policies with conditions,
// versions, null versions, delete markers, conditional writes, server-side
// copies, multipart uploads, batch deletes, object lock, lifecycle, ACLs and
// every legal key. The S3 protocol is versitygw's front end; the storage
// behind it, authorization, object lock and what the front end gets wrong or
// leaves out are done here. How a real server behaves is settled by that
// server, not by this one.
//
// # Time
//
// Everything follows the server's [Clock]: what is stamped on versions, the
// end of a retention, conditions on aws:CurrentTime, and lifecycle, which runs
// for every midnight (UTC) that the clock passes, moved or not. A move returns
// when that is done, and the outcome depends on nothing else, so that a year
// can be simulated. [Server.RunLifecycle] runs it in between.
// [Server.LifecycleEvents] tells what it did. Transitions are kept, not
// enacted.
//
// # Dialects
//
// The servers differ, in what they allow most of all. [Dialect] chooses; each
// row is a field of [Traits], which a caller may also change one by one.
//
//	                                     aws   rgw   rgw18 rgw20 seaweedfs versitygw
//	Ceph (answers in Ceph's way)         -     yes   yes   yes   -         -
//	LockExisting                         yes   -     -     yes   yes       yes
//	BypassByDelete                       -     yes   yes   -     -         -
//	FreeLockHeaders                      -     yes   yes   yes   -         -
//	HiddenLock                           yes   -     -     -     -         -
//	MarkerRetention                      -     -     -     -     yes       -
//	ForgetDefault                        -     -     -     -     -         yes
//	LockUntil2106                        -     yes   -     -     -         -
//	LockConditions                       kept  ign.  ign.  ign.  kept      refused
//	Principal                            ARN   ARN   ARN   ARN   zero ARN  access key
//	NoStarAction                         -     -     -     -     yes       yes
//	NoAttributesAction                   -     yes   yes   -     -         -
//	FreeAttributes                       -     -     -     yes   -         -
//	ObjectACLs                           -     yes   yes   yes   -         -
//	FreePartCopy                         -     yes   -     -     -         -
//	BatchNeedsBucket                     -     yes   yes   -     -         -
//	IgnoreIfNoneMatch                    -     yes   yes   -     -         -
//	Checksums                            yes   ign.  ign.  asked yes       yes
//	DefaultSSE                           yes   -     -     -     -         -
//	ListsForEncryption                   -     yes   -     -     -         -
//	PlainCustomerETag                    -     yes   yes   yes   -         -
//	WholeSeconds                         -     -     -     yes   yes       -
//	DatedToInitiation                    yes   -     -     -     -         -
//	OneMarker                            -     yes   yes   -     -         -
//	NoLifecycle                          -     -     -     -     -         yes
//
// Objects live in memory once, however often they are copied, in an ordered
// tree for each bucket, so that a page of a listing costs the same in a bucket
// of a hundred or a million versions. A [Synthetic] bucket stores nothing.
package s3dev
