// Package keeper does the daily work that admins tend to skip: it proves that the
// newest moment of each storage can be restored, reads all data in turn, restores
// samples, looks for ransomware in what is backed up, drops what is no longer needed,
// and tells people when something is wrong.
//
// A program makes a [Config] (from a file with [LoadConfig]), hands it to [New] and
// calls [Keeper.Pass] from a timer:
//
//	k, err := keeper.New(cfg)
//	report, err := k.Pass(ctx)
//	if !report.Green() { … }
//
// One pass does what is due for every storage, within a budget and for several storages
// at a time. It continues where a killed one stopped; two never run at once. A storage
// is green only if everything due was proved in time; everything else is red, with a
// sentence that explains why and the command to type ([Red]).
//
// The state directory holds no secret. Losing it costs time: the keeper learns again
// from the snapshots what is usual for each backup, and alarms have to be acknowledged
// again.
//
// The sub-packages tell people and machines (notify, metrics, page) and hold the
// statistics (signs). They are separate packages so that a program that needs only the
// passes does not link them.
package keeper
