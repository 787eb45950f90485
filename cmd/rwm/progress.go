package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar is the one progress bar of the program. It is drawn on stderr, and only if
// that is a terminal; elsewhere RESTIC_PROGRESS_FPS and SIGUSR1 ask for the same
// as plain lines.
type bar struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	interval time.Duration // between lines or drawings; 0 draws nothing
	asked    chan os.Signal

	drawn   *progressbar.ProgressBar
	what    string
	counted bool // the total is known
	last    time.Time
}

// progressInterval is restic's rule: ten times a second where it can be seen or
// read by a program, $RESTIC_PROGRESS_FPS wherever it is set.
func progressInterval(visible, quiet bool) time.Duration {
	if fps, err := strconv.ParseFloat(os.Getenv("RESTIC_PROGRESS_FPS"), 64); err == nil && fps > 0 {
		return time.Duration(float64(time.Second) / min(fps, 60))
	}
	if !visible || quiet {
		return 0
	}
	return time.Second / 10
}

// due reports whether it is time for the next status, or the user asked for one.
func (b *bar) due() bool {
	select {
	case <-b.asked:
		return true
	default:
	}
	now := time.Now()
	if b.interval == 0 || now.Sub(b.last) < b.interval {
		return false
	}
	b.last = now
	return true
}

// set shows done of total; bytes says that these are bytes. line is the same in
// words, for where no bar can be drawn; a note is shown before the bar.
func (b *bar) set(what string, done, total int64, bytes bool, line string, note ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.due() {
		return
	}
	if !b.terminal {
		_, _ = io.WriteString(b.out, line+"\n")
		return
	}
	if b.drawn == nil || b.what != what || b.counted != (total > 0) {
		b.drop()
		b.what, b.counted = what, total > 0
		b.drawn = progressbar.NewOptions64(max(total, -1),
			progressbar.OptionSetWriter(b.out),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(bytes),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(20),
			progressbar.OptionSetPredictTime(total > 0),
			progressbar.OptionSetTheme(progressbar.ThemeASCII),
			progressbar.OptionSpinnerType(14),
			progressbar.OptionSetSpinnerChangeInterval(0), // no drawing behind our back
			progressbar.OptionClearOnFinish())
	}
	if len(note) > 0 {
		b.drawn.Describe(what + " " + strings.Join(note, ", "))
	}
	if total > 0 && b.drawn.GetMax64() != total {
		b.drawn.ChangeMax64(total)
	}
	// A full bar would finish and vanish; the work around it is not done yet.
	if total > 0 && done >= total {
		done = total - 1
	}
	_ = b.drawn.Set64(done)
}

// end takes the bar away for good.
func (b *bar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop()
}

func (b *bar) drop() {
	b.hide()
	if b.drawn != nil {
		_ = b.drawn.Exit()
	}
	b.drawn = nil
}

func (b *bar) hide() {
	if b.drawn != nil {
		_ = b.drawn.Clear()
	}
}
