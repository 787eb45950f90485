package s3dev

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"
)

func (m *memory) PutObjectLockConfiguration(_ context.Context, name string, config []byte) error {
	return m.change(name, func(b *bucket) error {
		if b.lock == nil { // as on RGW: only from the bucket's creation on
			return s3err.GetAPIError(s3err.ErrObjectLockConfigurationNotAllowed)
		}
		b.lock = slices.Clone(config)
		return nil
	})
}

func (m *memory) GetObjectLockConfiguration(_ context.Context, name string) ([]byte, error) {
	return m.setting(name, lockField, s3err.ErrObjectLockConfigurationNotFound)
}

// defaultRetention is the retention a new version gets from the bucket, or nil.
func (b *bucket) defaultRetention(now time.Time) []byte {
	var config auth.BucketLockConfig
	if b.lock == nil || json.Unmarshal(b.lock, &config) != nil || config.DefaultRetention == nil {
		return nil
	}
	until := now
	if d := config.DefaultRetention.Days; d != nil {
		until = until.AddDate(0, 0, int(*d))
	}
	if y := config.DefaultRetention.Years; y != nil {
		until = until.AddDate(int(*y), 0, 0)
	}
	return retention(config.DefaultRetention.Mode, until)
}

func retention(mode types.ObjectLockRetentionMode, until time.Time) []byte {
	data, err := json.Marshal(types.ObjectLockRetention{Mode: cloneString(mode), RetainUntilDate: &until})
	if err != nil {
		panic(err) // strings and times always marshal
	}
	return data
}

// locked finds the version whose lock a request is about. A version that
// does not exist is NoSuchKey, which lets its deletion succeed as it should.
func (b *bucket) locked(key, versionID string) (*version, error) {
	v, err := b.find(disarm(key), versionID)
	if err != nil && v == nil {
		err = s3err.GetAPIError(s3err.ErrNoSuchKey)
	} else if err != nil {
		err = s3err.GetAPIError(s3err.ErrMethodNotAllowed)
	}
	return v, err
}

func (v *version) extend() *extras {
	if v.ext == nil {
		v.ext = &extras{}
	}
	return v.ext
}

func (m *memory) PutObjectRetention(_ context.Context, name, key, versionID string, data []byte) error {
	return m.change(name, func(b *bucket) error {
		v, err := b.locked(key, versionID)
		if err != nil {
			return err
		}
		if b.lock == nil {
			return s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)
		}
		v.extend().retention = slices.Clone(data)
		return nil
	})
}

func (m *memory) GetObjectRetention(_ context.Context, name, key, versionID string) ([]byte, error) {
	return read(m, name, func(b *bucket) ([]byte, error) {
		v, err := b.locked(key, versionID)
		if err != nil {
			return nil, err
		}
		if v.ext == nil || v.ext.retention == nil {
			return nil, s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
		}
		return v.ext.retention, nil
	})
}

func (m *memory) PutObjectLegalHold(_ context.Context, name, key, versionID string, on bool) error {
	return m.change(name, func(b *bucket) error {
		v, err := b.locked(key, versionID)
		if err != nil {
			return err
		}
		if b.lock == nil {
			return s3err.GetAPIError(s3err.ErrMissingObjectLockConfiguration)
		}
		v.extend().legalHold = &on
		return nil
	})
}

func (m *memory) GetObjectLegalHold(_ context.Context, name, key, versionID string) (*bool, error) {
	return read(m, name, func(b *bucket) (*bool, error) {
		v, err := b.locked(key, versionID)
		if err != nil {
			return nil, err
		}
		if v.ext == nil || v.ext.legalHold == nil {
			return nil, s3err.GetAPIError(s3err.ErrNoSuchObjectLockConfiguration)
		}
		return v.ext.legalHold, nil
	})
}
