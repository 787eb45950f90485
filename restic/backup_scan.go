package restic

import (
	"context"
	"sync"

	engarchiver "github.com/restic/restic/rwmlink/archiver"
	engfs "github.com/restic/restic/rwmlink/fs"
)

// A scan finds the totals beside the backup.
type scan struct {
	scanner *engarchiver.Scanner // nil if nobody wants to know
	targets []string
	failed  func(item string, err error) error
	cancel  context.CancelFunc // nil until it is started
	wg      sync.WaitGroup
}

func (r *backupRun) newScan(source engfs.FS, targets []string, byName engarchiver.SelectByNameFunc, byInfo engarchiver.SelectFunc, p *backupProgress) *scan {
	if r.NoScan || !r.em.Wanted() || !r.local() {
		return &scan{}
	}
	sc := engarchiver.NewScanner(source)
	sc.SelectByName, sc.Error, sc.Result = byName, p.scanFailed, p.scanned
	if byInfo != nil {
		sc.Select = byInfo
	}
	return &scan{scanner: sc, targets: targets, failed: p.scanFailed}
}

func (s *scan) start(ctx context.Context) {
	if s.scanner == nil {
		return
	}
	ctx, s.cancel = context.WithCancel(ctx)
	result := s.scanner.Result
	s.scanner.Result = func(item string, st engarchiver.ScanStats) {
		if item != "" || ctx.Err() == nil { // the engine calls a scan that was stopped a finished one
			result(item, st)
		}
	}
	s.wg.Go(func() {
		if err := s.scanner.Scan(ctx, s.targets); err != nil && ctx.Err() == nil {
			_ = s.failed("", err)
		}
	})
}

// stop ends the scan and waits for its end.
func (s *scan) stop() {
	if s.cancel != nil {
		s.cancel()
		s.wg.Wait()
	}
}
