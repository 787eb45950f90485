package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/cesnet/rwm/s3dev"
)

// users gathers the identities from --users and --user, or makes the default ones.
func (c *cli) users() ([]s3dev.User, error) {
	var users []s3dev.User
	if c.Users != "" {
		data, err := os.ReadFile(c.Users)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &users); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Users, err)
		}
	}
	for _, text := range c.User {
		part := strings.SplitN(text, ":", 3)
		if len(part) != 3 {
			return nil, fmt.Errorf("--user: want NAME:ACCESS:SECRET") // never echo the secret
		}
		users = append(users, s3dev.User{Name: part[0], AccessKey: part[1], SecretKey: part[2]})
	}
	if len(users) == 0 {
		for _, name := range []string{"admin", "host", "host2"} {
			users = append(users, s3dev.User{Name: name, AccessKey: name + "-access", SecretKey: name + "-secret"})
		}
	}
	for i := range users {
		if users[i].Tenant == "" {
			users[i].Tenant = c.Tenant
		}
	}
	return users, nil
}
