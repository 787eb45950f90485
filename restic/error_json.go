package restic

import (
	"encoding/json"
	"fmt"

	"github.com/cesnet/rwm/internal/errjson"
)

// The types below have a field Err, which JSON has as its text: the outer field hides
// that of the embedded struct, which has no methods.

type (
	itemErrorFields ItemError
	keyInfoFields   KeyInfo
	lockInfoFields  LockInfo
	findingFields   Finding
)

type (
	itemErrorJSON struct {
		itemErrorFields
		Err errjson.Error
	}
	keyInfoJSON struct {
		keyInfoFields
		Err errjson.Error
	}
	lockInfoJSON struct {
		lockInfoFields
		Err errjson.Error
	}
	findingJSON struct {
		findingFields
		Err errjson.Error
	}
)

// MarshalJSON writes Err as its text.
func (e ItemError) MarshalJSON() ([]byte, error) {
	return json.Marshal(itemErrorJSON{itemErrorFields(e), errjson.Error{Err: e.Err}})
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the text of Err is left.
func (e *ItemError) UnmarshalJSON(text []byte) error {
	var in itemErrorJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("the failure of an item: %w", err)
	}
	*e = ItemError(in.itemErrorFields)
	e.Err = in.Err.Err
	return nil
}

// MarshalJSON writes Err as its text.
func (k KeyInfo) MarshalJSON() ([]byte, error) {
	return json.Marshal(keyInfoJSON{keyInfoFields(k), errjson.Error{Err: k.Err}})
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the text of Err is left.
func (k *KeyInfo) UnmarshalJSON(text []byte) error {
	var in keyInfoJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("a key: %w", err)
	}
	*k = KeyInfo(in.keyInfoFields)
	k.Err = in.Err.Err
	return nil
}

// MarshalJSON writes Err as its text.
func (l LockInfo) MarshalJSON() ([]byte, error) {
	return json.Marshal(lockInfoJSON{lockInfoFields(l), errjson.Error{Err: l.Err}})
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the text of Err is left.
func (l *LockInfo) UnmarshalJSON(text []byte) error {
	var in lockInfoJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("a lock: %w", err)
	}
	*l = LockInfo(in.lockInfoFields)
	l.Err = in.Err.Err
	return nil
}

// MarshalJSON writes Err as its text.
func (f Finding) MarshalJSON() ([]byte, error) {
	return json.Marshal(findingJSON{findingFields(f), errjson.Error{Err: f.Err}})
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the text of Err is left.
func (f *Finding) UnmarshalJSON(text []byte) error {
	var in findingJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("a finding: %w", err)
	}
	*f = Finding(in.findingFields)
	f.Err = in.Err.Err
	return nil
}
