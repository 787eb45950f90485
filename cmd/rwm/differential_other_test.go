//go:build !linux

package main

import (
	"io/fs"
	"testing"
)

func setExtras(*testing.T, string) {}

func extras(string, fs.FileInfo) string { return "" }
