package keeper

import "time"

// Task is one kind of work that a pass does for a storage.
type Task string

// The tasks, in the order in which a pass does them. TaskSurvey comes first in every
// pass: a listing of the bucket's versions that tells whether anything happened.
const (
	TaskSurvey  Task = "survey"
	TaskPolicy  Task = "policy"
	TaskAccess  Task = "access"
	TaskHistory Task = "history"
	TaskProve   Task = "prove"
	TaskSigns   Task = "signs"
	TaskRenew   Task = "renew"
	TaskForget  Task = "forget"
	TaskDrop    Task = "drop_versions"
	TaskRead    Task = "read"
	TaskDrill   Task = "drill"
)

// Tasks are all of them but the survey.
var tasks = []Task{
	TaskPolicy, TaskAccess, TaskHistory, TaskProve, TaskSigns, TaskRenew, TaskForget, TaskDrop, TaskRead, TaskDrill,
}

// describe says what a task does, for people.
func (t Task) describe() string {
	return map[Task]string{
		TaskSurvey:  "list all versions",
		TaskPolicy:  "check policy and versioning",
		TaskAccess:  "try what the host can do",
		TaskHistory: "judge the history",
		TaskProve:   "prove the newest moment",
		TaskSigns:   "look for ransomware",
		TaskRenew:   "renew retention",
		TaskForget:  "forget and prune",
		TaskDrop:    "drop old versions",
		TaskRead:    "read packs",
		TaskDrill:   "do a restore drill",
	}[t]
}

// Outcome is the outcome of a task.
type Outcome string

// The outcomes. Only Proved is good. NotProved means that nothing is known to be wrong;
// Failed means that something is wrong.
const (
	Proved    Outcome = "proved"
	NotProved Outcome = "not proved"
	Failed    Outcome = "failed"
)

// grace is how late a task may be before its storage is red: passes come when the
// timer fires, not when something falls due.
func grace(period time.Duration) time.Duration { return max(period/2, 6*time.Hour) }

// due reports whether a task has to be done now. A pass a little earlier than the
// last one counts, so that a daily timer does a daily task every day.
func (e Every) due(last, now time.Time) bool {
	if !e.on {
		return false
	}
	early := min(e.period/10, time.Hour)
	return last.IsZero() || !now.Before(last.Add(e.period-early)) || last.After(now)
}
