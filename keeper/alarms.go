package keeper

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/cesnet/rwm/keeper/signs"
)

// raise keeps an alarm, unless it is known.
func (v *visit) raise(b *backupRecord, a signs.Alarm) {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(a.Kind), b.Host, b.Name, a.Snapshot, a.Time.UTC().Format(time.RFC3339Nano)}, "\x00")))
	id := string(a.Kind) + "-" + hex.EncodeToString(sum[:3])
	for _, known := range v.r.Alarms {
		if known.ID == id {
			known.Alarm = a // the figures may have grown
			return
		}
	}
	v.r.Alarms = append(v.r.Alarms, &Alarm{ID: id, Host: b.Host, Backup: b.Name, Alarm: a, Seen: v.k.now()})
	v.trimAlarms()
}

// trimAlarms forgets the oldest acknowledged alarms.
func (v *visit) trimAlarms() {
	const most = 200
	for len(v.r.Alarms) > most {
		i := slices.IndexFunc(v.r.Alarms, func(a *Alarm) bool { return a.Acked != nil })
		if i < 0 {
			return
		}
		v.r.Alarms = slices.Delete(v.r.Alarms, i, i+1)
	}
}

// missing raises an alarm for each backup that did not come at its usual time, and
// clears it when it came.
func (v *visit) missing() {
	v.r.Alarms = slices.DeleteFunc(v.r.Alarms, func(a *Alarm) bool {
		if a.Kind != signs.KindMissing || a.Acked != nil {
			return false
		}
		for _, b := range v.r.Backups {
			if b.Host == a.Host && b.Name == a.Backup {
				return b.Gone || b.Latest.After(a.Time)
			}
		}
		return true
	})
	for _, b := range v.r.Backups {
		if b.Gone {
			continue
		}
		if a := signs.Missing(b.Times, v.k.now(), v.cfg.Sensitivity); a != nil {
			v.raise(b, *a)
		}
	}
}
