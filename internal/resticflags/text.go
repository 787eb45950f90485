package resticflags

import (
	"context"

	"github.com/cesnet/rwm/internal/readfile"
)

// ReadText reads a file with text, as restic takes it: see [readfile.Text].
func ReadText(ctx context.Context, name string) ([]byte, error) {
	data, err := readFile(ctx, name)
	if err != nil {
		return nil, err
	}
	return readfile.Text(data), nil
}

func readFile(ctx context.Context, name string) ([]byte, error) {
	file, err := readfile.Read(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	return file.Content, nil
}
