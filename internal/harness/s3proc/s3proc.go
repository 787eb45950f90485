// Package s3proc runs the s3dev command as a child process, for programs of
// this module that must not link it.
package s3proc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// User is an identity the server knows.
type User struct {
	Name      string `json:"name"`
	Tenant    string `json:"tenant"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// Server is a running s3dev. It ends with this process, whatever ends that: it
// watches its standard input.
type Server struct {
	URL     string // of the S3 endpoint
	Control string // of the control endpoint

	cmd   *exec.Cmd
	stdin io.Closer
}

// Start runs binary on free ports of the loopback interface and waits until it
// answers.
func Start(binary string, users ...User) (*Server, error) {
	file, err := usersFile(users)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Dir(file))
	s := &Server{cmd: exec.Command(binary, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--users", file, "--exit-on-stdin-eof")}
	s.cmd.Stderr = os.Stderr
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("%s did not say where it listens: %w", binary, err)
	}
	return s, nil
}

// usersFile writes the identities where only we can read them: in an argument
// everybody could.
func usersFile(users []User) (string, error) {
	dir, err := os.MkdirTemp("", "s3dev-")
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(users)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "users.json")
	return file, os.WriteFile(file, list, 0o600)
}

// Close ends the server; what it held is gone.
func (s *Server) Close() {
	s.stdin.Close()
	_ = s.cmd.Wait()
}

// SetLatency adds a delay to every request.
func (s *Server) SetLatency(d time.Duration) error {
	return s.Tell(http.MethodPut, "/latency", map[string]string{"latency": d.String()}, nil)
}

// Tell sends one request to the control endpoint (see s3dev's ControlHandler)
// and decodes the answer into out unless that is nil.
func (s *Server) Tell(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, s.Control+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("s3dev: %s %s: %s: %s", method, path, resp.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
