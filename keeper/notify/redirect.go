package notify

import (
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/rocketchat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// CheckRedirect refuses redirects that lose a message: those that ask for another page
// without it, as behind a new login. The page would be taken for success. A Sender uses
// it where it can. Some services (generic webhooks, Zulip, Google Chat and others) send
// with [http.DefaultClient]; a program that uses them sets this at its start:
//
//	http.DefaultClient.CheckRedirect = notify.CheckRedirect
func CheckRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > 0 && req.Method != via[0].Method:
		return errors.New("the receiver redirects to another page, and the message would be lost on the way; give its present address")
	case len(via) >= 10:
		return errors.New("it redirects too often")
	}
	return nil
}

// keepMessages gives a service that has an HTTP client of its own CheckRedirect. done
// closes the connections of that client, which nothing else will use.
func keepMessages(service types.Service) (done func()) {
	var client *http.Client
	switch s := service.(type) {
	case interface{ GetHTTPClient() *http.Client }: // gotify, Mattermost
		client = s.GetHTTPClient()
	case *rocketchat.Service:
		client = s.Client
	case *ntfy.Service: // whose client cannot be had, so it gets another like it
		client = &http.Client{Timeout: ntfy.HTTPTimeout * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.Config.DisableTLSVerification, //nolint:gosec // as the URL says
		}}}
		s.SetHTTPClient(client)
	}
	if client == nil {
		return func() {}
	}
	client.CheckRedirect = CheckRedirect
	if client.Transport == nil { // the connections of all
		return func() {}
	}
	return client.CloseIdleConnections
}
