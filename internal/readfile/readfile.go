// Package readfile opens files that may be pipes, and gives up when a context ends: the
// other end of a pipe may never be opened.
package readfile

import (
	"context"
	"io"
	"io/fs"
	"os"
)

// File is the content and mode of a file.
type File struct {
	Content []byte
	Mode    fs.FileMode
}

// Read reads at most limit bytes of a file, all of it if limit is 0. It reads once: the
// file may be a pipe, /dev/stdin or a process substitution of a shell.
func Read(ctx context.Context, name string, limit int64) (*File, error) {
	return Until(ctx, func() (*File, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // opened for reading
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		var from io.Reader = f
		if limit > 0 {
			from = io.LimitReader(f, limit)
		}
		content, err := io.ReadAll(from)
		if err != nil {
			return nil, err
		}
		return &File{content, info.Mode()}, nil
	})
}

// Create opens a file for writing and truncates it. For a pipe it waits for the reader.
func Create(ctx context.Context, name string, mode fs.FileMode) (*os.File, error) {
	return Until(ctx, func() (*os.File, error) {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	})
}

// Until returns what fn returns, or the error of the context if that ends first. fn
// then goes on in the background until the other end lets it return.
func Until[T any](ctx context.Context, fn func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := fn()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
