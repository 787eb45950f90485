package s3err

import "regexp"

// cephRequestID is how every release of Ceph RGW numbers its requests: a count, the
// time, the gateway's instance and the zone. OpenStack Swift's begin likewise but have
// no instance.
var cephRequestID = regexp.MustCompile(`^tx[0-9a-f]{21}-[0-9a-f]{10}-[0-9a-f]+-.`)

// CephRequestID tells the request IDs of Ceph RGW from those of other servers. No
// request asks for the kind of server.
func CephRequestID(id string) bool { return cephRequestID.MatchString(id) }
