// Command s3dev runs an S3 server that keeps everything in memory, for tests,
// demonstrations and development.
//
// It prints one JSON line {"url":…,"control":…} when it is ready and runs
// until it is interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/cesnet/rwm/s3dev"
)

type cli struct {
	Listen    string        `default:"127.0.0.1:9000" help:"Address of the S3 endpoint; port 0 picks a free one."`
	Control   string        `placeholder:"ADDR" help:"Serve clock, latency, faults and the request log as JSON there. Without authentication: keep to the loopback interface."`
	Tenant    string        `default:"acme" help:"Tenant of users that do not name one."`
	User      []string      `placeholder:"NAME:ACCESS:SECRET" help:"A user; repeatable. The secret shows in the process list: prefer --users. Default: admin, host and host2 with the keys NAME-access and NAME-secret."`
	Users     string        `type:"existingfile" placeholder:"FILE" help:"JSON array of {name,tenant,access_key,secret_key}."`
	Dialect   string        `enum:"aws,rgw,rgw18,rgw20,seaweedfs,versitygw" default:"aws" help:"Details in which servers differ: aws, rgw (Ceph 16), rgw18, rgw20, seaweedfs or versitygw."`
	Region    string        `default:"us-east-1" help:"Region of the signatures."`
	Latency   time.Duration `help:"Added to every request."`
	Faults    string        `type:"existingfile" placeholder:"FILE" help:"JSON array of faults to inject."`
	Synthetic []string      `placeholder:"BUCKET:N[:PER_KEY]" help:"A bucket that lists N generated versions; repeatable."`

	ReadyFile      string `placeholder:"FILE" help:"Write the ready line there, too."`
	ExitOnStdinEOF bool   `name:"exit-on-stdin-eof" help:"Stop when standard input ends, that is when the parent process does."`
	Debug          bool   `help:"Log to standard error."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("s3dev"), kong.Description("An S3 server in memory, for tests and development."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.FatalIfErrorf(c.run(ctx, os.Stdin, os.Stdout))
}

func (c *cli) run(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.ExitOnStdinEOF {
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			cancel()
		}()
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	server, err := s3dev.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer server.Close()
	ready := map[string]string{"url": server.URL()}
	if c.Control != "" {
		l, err := net.Listen("tcp", c.Control)
		if err != nil {
			return fmt.Errorf("control endpoint: %w", err)
		}
		control := &http.Server{Handler: server.ControlHandler(), ReadHeaderTimeout: 10 * time.Second}
		go func() {
			if err := control.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				cancel()
			}
		}()
		defer control.Close()
		ready["control"] = "http://" + l.Addr().String()
	}
	line, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if c.ReadyFile != "" {
		if err := os.WriteFile(c.ReadyFile, line, 0o600); err != nil {
			return err
		}
	}
	if _, err := stdout.Write(line); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (c *cli) config() (s3dev.Config, error) {
	cfg := s3dev.Config{
		Listen: c.Listen, Region: c.Region, Dialect: s3dev.Dialect(c.Dialect), Latency: c.Latency,
	}
	if c.Debug {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var err error
	if cfg.Users, err = c.users(); err != nil {
		return cfg, err
	}
	if c.Faults != "" {
		data, err := os.ReadFile(c.Faults)
		if err != nil {
			return cfg, err
		}
		if cfg.Faults, err = s3dev.ParseFaults(data); err != nil {
			return cfg, fmt.Errorf("%s: %w", c.Faults, err)
		}
	}
	for _, text := range c.Synthetic {
		syn, err := s3dev.ParseSynthetic(text)
		if err != nil {
			return cfg, err
		}
		cfg.Synthetic = append(cfg.Synthetic, syn)
	}
	return cfg, nil
}
