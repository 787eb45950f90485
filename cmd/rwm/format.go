package main

import (
	"fmt"
	"time"
)

const timeFormat = "2006-01-02 15:04:05" // restic's

// formatBytes writes a size as restic does.
func formatBytes[N int64 | uint64](n N) string {
	b := float64(n)
	switch {
	case n >= 1<<40:
		return fmt.Sprintf("%.3f TiB", b/(1<<40))
	case n >= 1<<30:
		return fmt.Sprintf("%.3f GiB", b/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.3f MiB", b/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.3f KiB", b/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// formatDuration writes m:ss or h:mm:ss.
func formatDuration(d time.Duration) string {
	s := int64(d / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

func formatSeconds(s float64) string { return formatDuration(seconds(s)) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func formatPercent(part, whole uint64) string {
	if whole == 0 {
		return ""
	}
	return fmt.Sprintf("%3.2f%%", min(100*float64(part)/float64(whole), 100))
}

func formatTime(t time.Time) string { return t.Local().Format(timeFormat) }
