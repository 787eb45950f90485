package keeper

import (
	"time"
)

// Plan tells which tasks run when for a storage, and what they cost a month.
type Plan struct {
	Storage string     `json:"storage"`
	Bucket  string     `json:"bucket"`
	Tasks   []TaskPlan `json:"tasks"`
	// Requests, Bytes and Money are per month.
	Requests int64   `json:"requests_per_month"`
	Bytes    int64   `json:"bytes_per_month"`
	Money    float64 `json:"money_per_month"`
	Stored   float64 `json:"storage_money_per_month"`
	Currency string  `json:"currency,omitempty"`
	// Measured says that figures of earlier passes were used; otherwise they are
	// estimates for a small storage.
	Measured bool `json:"measured"`
}

// TaskPlan tells when a task runs and what it costs.
type TaskPlan struct {
	Task     Task      `json:"task"`
	Does     string    `json:"does"`
	Every    Every     `json:"every"`
	Why      string    `json:"why,omitempty"`
	Next     time.Time `json:"next,omitzero"` // zero: at the next pass
	Runs     float64   `json:"runs_per_month"`
	Requests int64     `json:"requests_per_month"`
	Bytes    int64     `json:"bytes_per_month"`
}

const month = 30 * 24 * time.Hour

// estimate returns what a task costs if nothing is measured yet: requests and bytes, by
// what is in the bucket as far as that is known.
func estimate(t Task, s *Survey, cfg *StorageConfig) (requests, bytes int64) {
	if s == nil {
		s = &Survey{Objects: 1000, Packs: 500, Bytes: 8 << 30}
	}
	versions := s.Objects + s.OldCount + s.Markers
	listing := versions/1000 + 1
	switch t {
	case TaskSurvey:
		return listing, 500 * versions
	case TaskPolicy:
		return 15, 15 << 10
	case TaskAccess:
		return 12, 12 << 10
	case TaskHistory:
		return 2*listing + 50, 500*versions + 1<<20
	case TaskProve:
		return listing + s.Packs/20 + 20, s.Bytes / 100
	case TaskSigns:
		return 100, 20 << 20
	case TaskForget:
		return s.Packs/50 + 50, s.Bytes / 100
	case TaskDrop:
		return 4*listing + s.OldCount/1000, s.Bytes / 100
	case TaskRead:
		n := int64(sliceCount(cfg.ReadAllWithin.Duration()))
		return s.Packs/n + 20, s.Bytes / n
	case TaskDrill:
		return 2*listing + int64(cfg.DrillFiles)*10, int64(cfg.DrillFiles) * 4 << 20
	}
	return 0, 0
}

// Explain tells which tasks will run when, given the time between two passes, and what
// they cost. It sends nothing: the figures come from the last run of each task, or else
// are estimates.
func (k *Keeper) Explain(passEvery time.Duration, names ...string) ([]*Plan, error) {
	k = k.made()
	names, err := k.names(names)
	if err != nil {
		return nil, err
	}
	known, err := k.recall(names)
	if err != nil {
		return nil, err
	}
	var plans []*Plan
	for _, name := range names {
		plans = append(plans, k.explain(name, known[name], passEvery))
	}
	return plans, nil
}

func (k *Keeper) explain(name string, r *record, passEvery time.Duration) *Plan {
	cfg, price := k.cfg.Storages[name], k.cfg.Prices
	p := &Plan{Storage: name, Bucket: cfg.ResticBucket, Currency: price.Currency}
	for _, t := range append([]Task{TaskSurvey}, tasks...) {
		every := cfg.every(t)
		if t == TaskSurvey {
			every = Always()
		}
		tp := TaskPlan{Task: t, Does: t.describe(), Every: every, Why: why(t, cfg, r)}
		if every.On() && !(t == TaskRenew && !r.Locked) && !(t == TaskDrop && r.Locked) {
			each := max(period(cfg, t), passEvery)
			if t == TaskRead {
				each = period(cfg, t) // missed slices are made up for
			}
			tp.Runs = float64(month) / float64(each)
			requests, bytes := estimate(t, r.Survey, cfg)
			if last := r.Tasks[t]; last != nil && last.Requests > 0 && last.Outcome == Proved {
				requests, bytes, p.Measured = last.Requests, last.Bytes, true
			}
			tp.Requests, tp.Bytes = int64(tp.Runs*float64(requests)), int64(tp.Runs*float64(bytes))
			if last := r.Tasks[t]; last != nil && last.Outcome == Proved {
				tp.Next = last.Tried.Add(period(cfg, t))
			}
		}
		p.Requests, p.Bytes = p.Requests+tp.Requests, p.Bytes+tp.Bytes
		p.Money += float64(tp.Requests)/1000*requestPrice(t, price) + float64(tp.Bytes)/(1<<30)*price.PerGiBOut
		p.Tasks = append(p.Tasks, tp)
	}
	if r.Survey != nil {
		p.Stored = float64(r.Survey.Bytes+r.Survey.OldBytes) / (1 << 30) * price.PerGiBMonth
	}
	return p
}

// requestPrice is the price of the kind of request that a task mostly makes.
func requestPrice(t Task, p Prices) float64 {
	switch t {
	case TaskSurvey, TaskHistory, TaskDrop, TaskForget, TaskRenew:
		return p.PerThousandPuts
	}
	return p.PerThousandGets
}

// why says why a task does not run though it might be expected to.
func why(t Task, cfg *StorageConfig, r *record) string {
	switch {
	case t == TaskForget && len(cfg.Retention) == 0:
		return "no retention is configured: the host forgets by itself"
	case t == TaskAccess && cfg.HostAccessKey.Empty():
		return "the host's keys are not configured"
	case t == TaskDrop && !cfg.Drop.On():
		return "off: it takes the admin's keys"
	case t == TaskDrop && r.Locked:
		return "the bucket is locked: its old versions lapse"
	case t == TaskRenew && !r.Locked:
		return "the bucket is not locked, as far as is known"
	case (t == TaskForget || t == TaskDrop) && r.frozen():
		return "frozen until the open alarms are acknowledged"
	case cfg.sealed() && (t == TaskProve || t == TaskSigns || t == TaskRead || t == TaskDrill):
		return "cannot be proved without restic_password"
	}
	return ""
}
