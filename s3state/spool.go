package s3state

import (
	"bufio"
	"bytes"
	"io"
	"os"
)

// spoolMemory is how many bytes a spool keeps in memory before it uses a temporary
// file.
const spoolMemory = 4 << 20

// spool keeps bytes for later: in memory, or in a file of mode 0600 when they
// become many.
type spool struct {
	mem  bytes.Buffer
	file *os.File
	buf  *bufio.Writer
	size int64
}

func (s *spool) write(parts ...[]byte) error {
	for _, p := range parts {
		s.size += int64(len(p))
		if s.file == nil && s.mem.Len()+len(p) <= spoolMemory {
			s.mem.Write(p)
			continue
		}
		if s.file == nil {
			f, err := os.CreateTemp("", "rwm-spool-*")
			if err != nil {
				return err
			}
			s.file, s.buf = f, bufio.NewWriterSize(f, 256<<10)
			if _, err := s.buf.Write(s.mem.Bytes()); err != nil {
				return err
			}
			s.mem = bytes.Buffer{}
		}
		if _, err := s.buf.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *spool) Write(p []byte) (int, error) {
	if err := s.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// reader returns what was written, from its start. It is valid until close.
func (s *spool) reader() (*io.SectionReader, error) {
	if s.file == nil {
		return io.NewSectionReader(bytes.NewReader(s.mem.Bytes()), 0, s.size), nil
	}
	if err := s.buf.Flush(); err != nil {
		return nil, err
	}
	return io.NewSectionReader(s.file, 0, s.size), nil
}

func (s *spool) copyTo(w io.Writer) error {
	r, err := s.reader()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
		s.file = nil
	}
	s.mem = bytes.Buffer{}
	s.size = 0
}
