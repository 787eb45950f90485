package s3err_test

import (
	"testing"

	"github.com/cesnet/rwm/internal/s3err"
)

func TestCephRequestID(t *testing.T) {
	for id, want := range map[string]bool{
		"tx00000c2f351c2dd2f822d-006b076135-1007-default":       true,
		"tx00000000000000000000a-0065a1b2c3-5f2e9a-zone-1":      true,
		"tx00000c2f351c2dd2f822d-006b076135":                    false, // Swift
		"656c76696e6727732072657175657374":                      false, // AWS
		"17D2F1C0A1B2C3D4":                                      false, // MinIO
		"":                                                      false,
		"xtx00000c2f351c2dd2f822d-006b076135-1007-default":      false,
		"tx00000c2f351c2dd2f822d0-006b076135-1007-default-long": false,
	} {
		if got := s3err.CephRequestID(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}
