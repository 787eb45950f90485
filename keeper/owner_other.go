//go:build !unix

package keeper

// likeDirectory does nothing: ownership is inherited here.
func likeDirectory(string, string) error { return nil }

func likeTop(string) error { return nil }
