package s3state

import (
	"encoding/json"
	"fmt"

	"github.com/cesnet/rwm/internal/errjson"
)

// The types below have an error in a field, which JSON has as its text: the outer field
// hides that of the embedded struct, which has no methods.

type (
	keyErrorFields   KeyError
	summaryFields    BucketSummary
	savedStateFields SavedState
)

type (
	keyErrorJSON struct {
		keyErrorFields
		Err errjson.Error
	}
	summaryJSON struct {
		summaryFields
		Err errjson.Error
	}
	savedStateJSON struct {
		savedStateFields
		Unreadable errjson.Error
	}
)

// MarshalJSON writes Err as its text.
func (e KeyError) MarshalJSON() ([]byte, error) {
	return json.Marshal(keyErrorJSON{keyErrorFields(e), errjson.Error{Err: e.Err}})
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the text of Err is left.
func (e *KeyError) UnmarshalJSON(text []byte) error {
	var in keyErrorJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("the failure of a key: %w", err)
	}
	*e = KeyError(in.keyErrorFields)
	e.Err = in.Err.Err
	return nil
}

// MarshalJSON writes Err as its text.
func (b BucketSummary) MarshalJSON() ([]byte, error) {
	return json.Marshal(summaryJSON{summaryFields(b), errjson.Error{Err: b.Err}})
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the text of Err is left.
func (b *BucketSummary) UnmarshalJSON(text []byte) error {
	var in summaryJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("a bucket: %w", err)
	}
	*b = BucketSummary(in.summaryFields)
	b.Err = in.Err.Err
	return nil
}

// MarshalJSON writes Unreadable as its text.
func (s SavedState) MarshalJSON() ([]byte, error) {
	return json.Marshal(savedStateJSON{savedStateFields(s), errjson.Error{Err: s.Unreadable}})
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the text of Unreadable is left.
func (s *SavedState) UnmarshalJSON(text []byte) error {
	var in savedStateJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("a saved state: %w", err)
	}
	*s = SavedState(in.savedStateFields)
	s.Unreadable = in.Unreadable.Err
	return nil
}
