package main

import "time"

// formatZoned writes a time with its zone, where a wrong guess would matter.
func formatZoned(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST (-07:00)") }
