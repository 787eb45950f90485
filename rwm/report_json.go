package rwm

import (
	"encoding/json"
	"errors"
	"fmt"
)

// rowFields is Row without its methods and its error.
type rowFields Row

type jsonRow struct {
	rowFields
	Err string `json:",omitempty"`
}

// MarshalJSON writes Err as its text.
func (r Row) MarshalJSON() ([]byte, error) {
	out := jsonRow{rowFields: rowFields(r)}
	if r.Err != nil {
		out.Err = r.Err.Error()
	}
	out.rowFields.Err = nil
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the text of the error is left;
// ReturnCode tells its kind.
func (r *Row) UnmarshalJSON(text []byte) error {
	var in jsonRow
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("a row of a report: %w", err)
	}
	*r = Row(in.rowFields)
	if in.Err != "" {
		r.Err = errors.New(in.Err)
	}
	return nil
}
