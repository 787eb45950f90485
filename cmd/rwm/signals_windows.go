package main

import "os"

func notifySIGPIPE(chan<- os.Signal) {}

func progressSignal() chan os.Signal { return nil }
