package main

import (
	"time"

	"github.com/cesnet/rwm/s3state"
)

type jsonHistory struct {
	Bucket          string          `json:"bucket"`
	Steps           []jsonStep      `json:"steps"`
	Suspicions      []jsonSuspicion `json:"suspicions"`
	TotalSuspicions int             `json:"total_suspicions"`
	Unread          int             `json:"unread"` // keys, indexes and snapshots judged by the listing alone
	States          []jsonState     `json:"states"`
	Notes           []jsonSuspicion `json:"notes"` // marks that do not count
	TotalNotes      int             `json:"total_notes"`
	ReviewedUntil   time.Time       `json:"reviewed_until,omitzero"`
	Verdict         string          `json:"verdict"` // of the proof
	Proof           s3state.Proof   `json:"proof"`
	ProvedUntil     time.Time       `json:"proved_until,omitzero"` // by an earlier history
	Gone            []jsonCount     `json:"gone"`                  // since the last moment that is proved
	LastGood        *time.Time      `json:"last_good"`             // null if none was proved
	LastUnmarked    *time.Time      `json:"last_unmarked"`
	LastGoodState   *jsonState      `json:"last_good_state"`
	Commands        []string        `json:"commands"`
}

type jsonStep struct {
	From       time.Time   `json:"from"`
	To         time.Time   `json:"to"`
	Counts     []jsonCount `json:"counts"`
	Suspicions int         `json:"suspicions"`
}

type jsonCount struct {
	Type   s3state.FileType `json:"type"`
	Change s3state.Change   `json:"change"`
	N      int64            `json:"n"`
	Bytes  int64            `json:"bytes"`
}

type jsonSuspicion struct {
	Time      time.Time `json:"time"`
	Key       string    `json:"key,omitempty"`
	VersionID string    `json:"version_id,omitempty"`
	Reason    string    `json:"reason"`
	Setting   string    `json:"setting,omitempty"` // of the bucket, that was changed

	Standing s3state.Standing `json:"standing,omitempty"`
}

func newJSONSuspicions(list []s3state.Suspicion) []jsonSuspicion {
	out := []jsonSuspicion{}
	for _, s := range list {
		out = append(out, jsonSuspicion{s.Time, s.Key, s.VersionID, s.Reason, s.Setting, s.Standing})
	}
	return out
}

func newJSONHistory(h *s3state.History, commands []string) jsonHistory {
	out := jsonHistory{
		Bucket: h.Bucket, Steps: []jsonStep{}, Suspicions: newJSONSuspicions(h.Suspicions), TotalSuspicions: h.Total, Unread: h.Unread,
		States: newJSONStates(h.States), Commands: orEmpty(commands),
		Notes: newJSONSuspicions(h.Notes), TotalNotes: h.TotalNotes, ReviewedUntil: h.ReviewedUntil,
		Verdict: string(h.Proof.Verdict), Proof: h.Proof, ProvedUntil: h.ProvedUntil, Gone: []jsonCount{},
	}
	for _, c := range h.Gone {
		out.Gone = append(out.Gone, jsonCount(c))
	}
	for _, st := range h.Steps {
		step := jsonStep{From: st.From, To: st.To, Counts: []jsonCount{}, Suspicions: st.Suspicions}
		for _, c := range st.Counts {
			step.Counts = append(step.Counts, jsonCount(c))
		}
		out.Steps = append(out.Steps, step)
	}
	switch {
	case h.LastGood.IsZero():
	case h.Proof.Verdict == s3state.Proved:
		out.LastGood = &h.LastGood
	default:
		out.LastUnmarked = &h.LastGood
	}
	if h.LastGoodState != nil {
		s := newJSONState(*h.LastGoodState)
		out.LastGoodState = &s
	}
	return out
}
