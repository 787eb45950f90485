package s3dev

import (
	"fmt"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"
)

// User is one identity of the server. Users are plain: none of them passes a
// bucket policy, unlike the root user and the admin role of other servers.
type User struct {
	Name      string `json:"name"`
	Tenant    string `json:"tenant"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
	// Account is the user's account on Ceph ("RGW" and 17 digits): buckets and
	// objects are then the account's, and policies name the user by it.
	Account string `json:"account,omitempty"`
}

// account is what an ARN names before the user.
func (u User) account() string {
	if u.Account != "" {
		return u.Account
	}
	return u.Tenant
}

// ARN is how a bucket policy names the user as a principal.
func (u User) ARN() string { return "arn:aws:iam::" + u.account() + ":user/" + u.Name }

// OwnerID is the user's canonical id in ACLs and listings: TENANT$NAME, or the
// name alone without a tenant, as on Ceph RGW.
func (u User) OwnerID() string {
	switch {
	case u.Account != "":
		return u.Account
	case u.Tenant == "":
		return u.Name
	}
	return u.Tenant + "$" + u.Name
}

// String names the user without the keys, so that a User may be logged.
func (u User) String() string { return u.OwnerID() }

// identities is the front end's user database. It answers with accounts whose
// "access key" is the owner id: everything after the signature check (ACLs,
// bucket owners) then speaks of owner ids and never of keys.
type identities struct {
	byKey   map[string]User
	byOwner map[string]User
	byARN   map[string]User
}

var (
	_ auth.IAMService        = (*identities)(nil)
	_ auth.PrincipalResolver = (*identities)(nil)
)

func newIdentities(users []User) (*identities, error) {
	ids := &identities{byKey: map[string]User{}, byOwner: map[string]User{}, byARN: map[string]User{}}
	for _, u := range users {
		switch {
		case u.Name == "" || u.AccessKey == "" || u.SecretKey == "":
			return nil, fmt.Errorf("user %q needs a name, an access key and a secret key", u.OwnerID())
		case ids.byARN[u.ARN()].Name != "":
			return nil, fmt.Errorf("user %q is given twice", u.OwnerID())
		case ids.byKey[u.AccessKey].Name != "":
			return nil, fmt.Errorf("users %q and %q share an access key", ids.byKey[u.AccessKey].OwnerID(), u.OwnerID())
		}
		ids.byKey[u.AccessKey], ids.byOwner[u.OwnerID()], ids.byARN[u.ARN()] = u, u, u
	}
	return ids, nil
}

func (ids *identities) displayName(ownerID string) string {
	if u, ok := ids.byOwner[ownerID]; ok {
		return u.Name
	}
	return ownerID
}

func (ids *identities) GetUserAccount(access string) (auth.Account, error) {
	u, ok := ids.byKey[access]
	if !ok {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	// "User plus" may create buckets; it has no other privilege.
	return auth.Account{Access: u.OwnerID(), Secret: u.SecretKey, Role: auth.RoleUserPlus, Arn: u.ARN()}, nil
}

func (ids *identities) ResolveAccounts(owners []string) (missing []string, err error) {
	for _, id := range owners {
		if _, ok := ids.byOwner[id]; !ok {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

func (ids *identities) ResolvePrincipals([]string) (missing []string, err error) { return nil, nil }

// isPrincipal reports whether a policy may name p.
func (ids *identities) isPrincipal(p string, traits Traits) bool {
	if p == "*" {
		return true
	}
	for _, u := range ids.byARN {
		if isUser(p, &u, traits) {
			return true
		}
	}
	return false
}

func (ids *identities) CreateAccount(auth.Account) error {
	return s3err.GetAPIError(s3err.ErrNotImplemented)
}

func (ids *identities) UpdateUserAccount(string, auth.MutableProps) error {
	return s3err.GetAPIError(s3err.ErrNotImplemented)
}

func (ids *identities) DeleteUserAccount(string) error {
	return s3err.GetAPIError(s3err.ErrNotImplemented)
}

func (ids *identities) ListUserAccounts() ([]auth.Account, error) { return nil, nil }
func (ids *identities) Shutdown() error                           { return nil }
