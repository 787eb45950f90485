package main

import "os"

func notifySIGPIPE(chan<- os.Signal) {}

// hangupIgnored: closing the console ends the process there in any case.
func hangupIgnored() bool { return false }

func progressSignal() chan os.Signal { return nil }
