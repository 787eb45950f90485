//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
)

func notifySIGPIPE(c chan<- os.Signal) { signal.Notify(c, syscall.SIGPIPE) }

// progressSignal receives SIGUSR1, which asks for one line of progress.
func progressSignal() chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	return c
}
