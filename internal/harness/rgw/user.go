package rgw

import (
	"context"
	"fmt"
	"os/exec"

	"golang.org/x/sync/errgroup"
)

// User is a user of the gateway. Nobody is an administrator of the gateway itself:
// an admin of RWM is a plain user who owns buckets.
type User struct {
	Tenant, Name         string
	AccessKey, SecretKey string
}

// ID is the gateway's name of the user, "TENANT$NAME".
func (u User) ID() string {
	if u.Tenant == "" {
		return u.Name
	}
	return u.Tenant + "$" + u.Name
}

// Version is Ceph's major one, such as 16.
func (c *Cluster) Version(ctx context.Context) (int, error) {
	cmd := exec.CommandContext(ctx, c.program("radosgw"), "--version")
	c.settle(cmd)
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("radosgw --version: %w", err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "ceph version %d.", &major); err != nil {
		return 0, fmt.Errorf("radosgw --version: %q: %w", out, err)
	}
	return major, nil
}

func (c *Cluster) addUsers(ctx context.Context, users []User) error {
	if len(users) == 0 {
		return nil
	}
	// The first call makes what the others share; afterwards they can run side by side.
	if err := c.addUser(ctx, users[0]); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, u := range users[1:] {
		g.Go(func() error { return c.addUser(ctx, u) })
	}
	return g.Wait()
}

// The keys stand in the arguments of a process for a moment: they are worth nothing
// outside of this cluster.
func (c *Cluster) addUser(ctx context.Context, u User) error {
	return c.run(ctx, "radosgw-admin", "user", "create", "--uid="+u.ID(), "--display-name="+u.Name,
		"--access-key="+u.AccessKey, "--secret-key="+u.SecretKey, "--max-buckets=0") // as many as there are tests
}
