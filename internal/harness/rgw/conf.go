package rgw

import (
	"fmt"
	"io"
	"strings"
	"text/template"
)

// confData is what ceph.conf depends on.
type confData struct {
	Dir     string
	FSID    string
	MonPort int
	RGWPort int
	TLSPort int
	// Cert is the file with the certificate and the key of TLSPort.
	Cert string
	// LifecycleDay is how many seconds lifecycle takes for a day; 0 for a real one.
	LifecycleDay int
}

// quiet are the debug subsystems that otherwise fill the logs, which costs time.
var quiet = strings.Fields(`rgw rgw_sync osd ms mon monc paxos auth objecter rados objclass
	context tp timer heartbeatmap perfcounter asok throttle optracker finisher crush client rocksdb journal`)

// Why each setting is there:
//   - auth none: there are no keys to hand around, and only this host can connect;
//     "crc", because the default, "secure", needs keys even so;
//   - one replica, tiny pools: the gateway makes eight pools at its first start, and
//     their placement groups are what a start waits for;
//   - paxos intervals: every step of the start is a round of the monitor, which would
//     wait a second for more to come;
//   - tcp_nodelay: without it each server-side copy takes 40 ms more;
//   - keys of customers without TLS: the tests have none;
//   - no dynamic resharding: it would block writes in the middle of a test.
var conf = template.Must(template.New("ceph.conf").Parse(`[global]
fsid = {{.FSID}}
mon host = [v2:127.0.0.1:{{.MonPort}}/0]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
keyring = {{.Dir}}/keyring
run dir = {{.Dir}}/run
crash dir = {{.Dir}}/run
pid file =
admin socket = {{.Dir}}/run/$name.asok
log file = {{.Dir}}/log/$name.log
log to stderr = false
err to stderr = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 4000
mon warn on pool no redundancy = false
mon data avail warn = 1
mon data avail crit = 0

[mon]
mon data = {{.Dir}}/mon
mon cluster log file = {{.Dir}}/log/cluster.log
paxos propose interval = 0.02
paxos min wait = 0.01

[osd]
osd data = {{.Dir}}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd class load list = *
osd class default list = *
osd min pg log entries = 100
osd max pg log entries = 200
osd fast shutdown = true

[client.rgw.a]
rgw data = {{.Dir}}/rgw
rgw frontends = beast endpoint=127.0.0.1:{{.RGWPort}} ssl_endpoint=127.0.0.1:{{.TLSPort}} ssl_certificate={{.Cert}} tcp_nodelay=1
rgw thread pool size = 64
rgw dynamic resharding = false
rgw dns name = localhost
rgw enable usage log = false
rgw crypt require ssl = false
{{with .LifecycleDay}}rgw lc debug interval = {{.}}
{{end}}`))

func writeConf(w io.Writer, d confData) error {
	if err := conf.Execute(w, d); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n[global]\n")
	for _, s := range quiet {
		_, err = fmt.Fprintf(w, "debug %s = 0/0\n", strings.ReplaceAll(s, "_", " "))
	}
	return err
}
