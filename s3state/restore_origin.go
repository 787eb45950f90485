package s3state

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// RestoreOrigin says what a bucket is being restored from.
type RestoreOrigin struct {
	Source       string
	StateKey     string
	StateVersion string
}

func (o RestoreOrigin) String() string {
	return fmt.Sprintf("bucket %s, state %q version %s", o.Source, o.StateKey, o.StateVersion)
}

// During a restore the target's policy is a single statement: everything for the admin,
// with a Sid that says what is being restored. Only the admin can write it, nobody else
// gets in before everything is there, and replacing it by the final policy completes
// the restore in one step.
const unfinishedSid = "RWMrestore"

// unfinishedPolicy is the policy of a target during a restore. run tells one run of the
// same restore from another: a resuming run puts its own there, so the earlier one
// notices if it is still running.
func unfinishedPolicy(bucket string, who roles, o RestoreOrigin, run string) string {
	st := who.adminStatement(bucket)
	text := o.Source + "\n" + o.StateKey + "\n" + o.StateVersion
	if run != "" {
		text += "\n" + run
	}
	st.Sid = unfinishedSid + hex.EncodeToString([]byte(text))
	return encodePolicy(st)
}

// unfinishedRun is the run in the mark of unfinishedPolicy; "" if there is none.
func unfinishedRun(policy []byte) string {
	grants, err := readPolicy(policy)
	if err != nil || len(grants) != 1 {
		return ""
	}
	code, _ := strings.CutPrefix(grants[0].sid, unfinishedSid)
	text, err := hex.DecodeString(code)
	if parts := strings.Split(string(text), "\n"); err == nil && len(parts) == 4 {
		return parts[3]
	}
	return ""
}

// unfinishedRestore reads what unfinishedPolicy wrote; nil if it is any other
// policy.
func unfinishedRestore(bucket string, f *bucketConfig) *RestoreOrigin {
	grants, err := readPolicy(f.policy)
	if err != nil || len(grants) != 1 {
		return nil
	}
	g := grants[0]
	code, ok := strings.CutPrefix(g.sid, unfinishedSid)
	if !ok || g.effect != "Allow" || len(g.other) > 0 || !(sameSet(g.actions, []string{"*"}) || sameSet(g.actions, []string{"s3:*"})) || !sameSet(g.resources, resources(bucket)) {
		return nil
	}
	text, err := hex.DecodeString(code)
	if err != nil {
		return nil
	}
	parts := strings.Split(string(text), "\n")
	if len(parts) != 3 && len(parts) != 4 {
		return nil
	}
	return &RestoreOrigin{Source: parts[0], StateKey: parts[1], StateVersion: parts[2]}
}
