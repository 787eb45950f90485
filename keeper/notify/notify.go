// Package notify tells people of a keeper's findings, and watchdogs that it runs:
// messages through shoutrrr (mail, ntfy, Slack, Teams, Matrix, webhooks and more), and
// pings as healthchecks.io takes them.
package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/cesnet/rwm/keeper"
)

// Sender sends messages to services and pings to a watchdog. It is a keeper.Teller.
type Sender struct {
	urls   []string
	ping   string
	client *http.Client
	limit  time.Duration

	mu     sync.Mutex
	silent map[int]time.Time // services that did not answer, and since when
}

var _ keeper.Teller = (*Sender)(nil)

// New makes a Sender for shoutrrr URLs and a ping URL; both may be left out. It checks
// the URLs and sends nothing. Errors do not repeat URLs, which hold passwords.
func New(urls []string, ping string) (*Sender, error) {
	for i, u := range urls {
		if _, err := shoutrrr.CreateSender(u); err != nil {
			return nil, fmt.Errorf("notify URL %d (%s): %w", i+1, service(u), hide(err, u))
		}
	}
	if ping != "" {
		if u, err := url.Parse(ping); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, errors.New("the ping URL must begin with https:// or http://")
		}
	}
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: withoutReferer}
	return &Sender{urls: urls, ping: strings.TrimSuffix(ping, "/"), client: client, limit: time.Minute, silent: map[int]time.Time{}}, nil
}

// Tell sends a message to every service, or to those that it names. The error names
// those it did not reach; if others got it, it is a *keeper.UntoldError.
func (s *Sender) Tell(ctx context.Context, m keeper.Message) error {
	left, reached, err := s.send(ctx, m.Title, m.Text, m.Only)
	if err != nil && (reached > 0 || m.Only != nil) {
		return &keeper.UntoldError{Left: left, Err: err}
	}
	return err
}

// Send sends a message to every service.
func (s *Sender) Send(ctx context.Context, title, text string) error {
	_, _, err := s.send(ctx, title, text, nil)
	return err
}

func (s *Sender) send(ctx context.Context, title, text string, only []string) (left []string, reached int, err error) {
	if s == nil {
		return nil, 0, nil
	}
	var errs []error
	for i, u := range s.urls {
		name := fmt.Sprintf("%d (%s)", i+1, service(u))
		if only != nil && !slices.Contains(only, name) {
			continue
		}
		if err := s.unlessSilent(ctx, i, title, text); err != nil {
			left = append(left, name)
			errs = append(errs, fmt.Errorf("notify URL %s: %w", name, hide(err, u)))
			continue
		}
		reached++
	}
	return left, reached, errors.Join(errs...)
}

// silence is for how long a service that did not answer is not asked again. Without it,
// one that hangs would hold up a pass for the limit with each message.
const silence = 10 * time.Minute

func (s *Sender) unlessSilent(ctx context.Context, i int, title, text string) error {
	s.mu.Lock()
	since, silent := s.silent[i]
	s.mu.Unlock()
	if silent && time.Since(since) < silence {
		return errors.New("it did not answer before, and was not asked again")
	}
	err := s.one(ctx, s.urls[i], title, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, errNoAnswer) && ctx.Err() == nil {
		s.silent[i] = time.Now()
	} else {
		delete(s.silent, i)
	}
	return err
}

var errNoAnswer = errors.New("no answer")

// one waits for a service no longer than the limit: shoutrrr takes no context. It does
// not send through shoutrrr's router, which has a shorter limit.
func (s *Sender) one(ctx context.Context, u, title, text string) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		service, err := new(router.ServiceRouter).Locate(asText(u))
		if err != nil {
			done <- err
			return
		}
		defer keepMessages(service)()
		params := types.Params{}
		params.SetTitle(title)
		done <- service.Send(harmless(u, text), &params)
	}()
	select {
	case err := <-done:
		if timedOut(err) { // by a shorter limit of the service's own
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNoAnswer, ctx.Err())
	}
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() // context.DeadlineExceeded is one
}

// Ping calls URL/start, URL or URL/fail, the text in the body.
func (s *Sender) Ping(ctx context.Context, p keeper.Ping, text string) error {
	if s == nil || s.ping == "" {
		return nil
	}
	target := s.ping
	switch p {
	case keeper.PingStart:
		target += "/start"
	case keeper.PingFail:
		target += "/fail"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(text))
	if err != nil {
		return errors.New("the ping URL is not valid")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("ping: %w", hide(err, s.ping))
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("ping: the watchdog answered %s", resp.Status)
	}
	return nil
}
