//go:build !linux

// Mountbench compares two mounts and runs on Linux only.
package main

func main() { panic("mountbench runs on Linux only") }
