// Package rwmlink is the whole surface that RWM uses of restic's engine.
//
// Go's internal rule compares import paths: a module whose path lies below
// github.com/restic/restic/ may import restic's internal packages from the
// unmodified upstream module. This module does nothing else: one package per
// restic package, with type aliases, function values and re-exported constants
// and no logic, so that an upgrade of restic which breaks something breaks here.
//
// Programs do not import it; they call github.com/cesnet/rwm/restic.
package rwmlink
