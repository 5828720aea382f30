/* See faults.h. */
#include "faults.h"

static const char *const names[] = {
	[FAULT_REFUSED] = "call refused",
	[FAULT_LOST_EXECUTED] = "answer lost, call executed",
	[FAULT_LOST_UNEXECUTED] = "call lost",
	[FAULT_SLOW] = "slow call",
	[FAULT_ANSWERED_TWICE] = "answered twice",
	[FAULT_EXECUTED_TWICE] = "executed twice",
	[FAULT_IGNORED] = "move accepted and forgotten",
	[FAULT_UNREADABLE] = "metrics unreadable",
	[FAULT_ODD_LIST] = "captures list empty or headless",
	[FAULT_STALE_LIST] = "captures list of seconds ago",
	[FAULT_DESTINATION_DIES_BEFORE] = "destination dies before the origin stopped",
	[FAULT_DESTINATION_DIES_AFTER] = "destination dies after the origin stopped",
	[FAULT_FAILOVER] = "TiCDC coordinator fails over",
	[FAULT_CRASH] = "capture crashes",
	[FAULT_TARGET_DIES] = "draining capture crashes",
	[FAULT_RETURNING] = "work flows back",
	[FAULT_LYING_BOOKS] = "books lie",
	[FAULT_LYING_ANSWER] = "drain call lies",
	[FAULT_WRITE_REFUSED] = "status write refused",
	[FAULT_WRITE_LOST_EXECUTED] = "status write answer lost",
	[FAULT_WRITE_LOST_UNEXECUTED] = "status write lost",
	[FAULT_WRITE_SLOW] = "slow status write",
	[FAULT_PARTITION] = "sidecar cut off from the API",
	[FAULT_SIDECAR_DIES] = "sidecar dies",
	[FAULT_SIDECAR_STOPPED] = "sidecar stopped (SIGSTOP)",
	[FAULT_SIDECAR_SUSPENDED] = "sidecar and its clock suspended",
	[FAULT_CLOCK_JUMP] = "clock jumps forward",
	[FAULT_LEASE_STOLEN] = "Lease stolen by a sidecar",
	[FAULT_LEASE_LOST] = "Lease stolen by a stranger",
	[FAULT_SIDECAR_DIES_AT_EFFECT] = "sidecar dies at an effect",
	[FAULT_STALE_SNAPSHOT] = "stale objects after a reconnect",
	[FAULT_WALL_SKEW] = "wall clock skewed",
	[FAULT_CANCELLED] = "request deleted",
	[FAULT_CONFLICT] = "409 Conflict",
	[FAULT_REORDERED] = "answers reordered",
	[FAULT_FENCED] = "effect fenced off",
	[FAULT_TWO_LEADERS] = "two leaders at once",
	[FAULT_TWIN] = "two captures at one address",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == FAULT_COUNT, "a name for every fault");

const char *fault_name(enum fault fault)
{
	return names[fault];
}
