/* The names of every enum in types.h and core.h, each from one table, so that status, events, logs and metrics use the same words. */
#include "coordinator/core.h"

#include <assert.h>
#include <string.h>

static const char *const family_names[] = {
	[TD_FAMILY_UNKNOWN] = "Unknown", [TD_FAMILY_CLASSIC] = "C", [TD_FAMILY_FAKE_DRAIN] = "N0",
	[TD_FAMILY_NATIVE] = "N1",	 [TD_FAMILY_MANAGED] = "M",
};
static_assert(sizeof(family_names) / sizeof(family_names[0]) == TD_FAMILY_COUNT, "a name for every family");

static const char *const liveness_names[] = {
	[TD_ALIVE] = "Alive",
	[TD_DRAINING] = "Draining",
	[TD_STOPPING] = "Stopping",
};
static_assert(sizeof(liveness_names) / sizeof(liveness_names[0]) == TD_LIVENESS_COUNT, "a name for every liveness");

static const char *const witness_names[] = {
	[TD_WITNESS_ANSWER] = "answer",
	[TD_WITNESS_CLUSTER] = "cluster",
	[TD_WITNESS_PROCESS] = "process",
};
static_assert(sizeof(witness_names) / sizeof(witness_names[0]) == TD_WITNESS_COUNT, "a name for every witness");

static const char *const phase_names[] = {
	[TD_PHASE_PENDING] = "Pending",	   [TD_PHASE_DRAINING] = "Draining",   [TD_PHASE_VERIFYING] = "Verifying",
	[TD_PHASE_DRAINED] = "Drained",	   [TD_PHASE_RELEASED] = "Released",   [TD_PHASE_FAILED] = "Failed",
	[TD_PHASE_TIMED_OUT] = "TimedOut", [TD_PHASE_CANCELLED] = "Cancelled", [TD_PHASE_UNSUPPORTED] = "Unsupported",
};
static_assert(sizeof(phase_names) / sizeof(phase_names[0]) == TD_PHASE_COUNT, "a name for every phase");

static const char *const reason_names[] = {
	[TD_REASON_NONE] = "None",
	[TD_REASON_QUEUED] = "Queued",
	[TD_REASON_WAITING_FOR_SLOT] = "WaitingForSlot",
	[TD_REASON_WAITING_FOR_CAPTURE] = "WaitingForCapture",
	[TD_REASON_WAITING_FOR_ACKNOWLEDGEMENT] = "WaitingForAcknowledgement",
	[TD_REASON_DETECTING] = "Detecting",
	[TD_REASON_MOVING_COORDINATOR] = "MovingCoordinator",
	[TD_REASON_MOVING_MAINTAINERS] = "MovingMaintainers",
	[TD_REASON_MOVING_DISPATCHERS] = "MovingDispatchers",
	[TD_REASON_WAITING_FOR_NATIVE] = "WaitingForNative",
	[TD_REASON_COMPARING_WITNESSES] = "ComparingWitnesses",
	[TD_REASON_WITNESSES_DISAGREE] = "WitnessesDisagree",
	[TD_REASON_PROVEN_EMPTY] = "ProvenEmpty",
	[TD_REASON_CAPTURE_GONE] = "CaptureGone",
	[TD_REASON_INVALID_REQUEST] = "InvalidRequest",
	[TD_REASON_POD_NOT_FOUND] = "PodNotFound",
	[TD_REASON_CAPTURE_NOT_FOUND] = "CaptureNotFound",
	[TD_REASON_NO_DESTINATION] = "NoDestination",
	[TD_REASON_FAKE_DRAIN] = "FakeDrain",
	[TD_REASON_MIXED_VERSIONS] = "MixedVersions",
	[TD_REASON_DEADLINE] = "DeadlineExceeded",
	[TD_REASON_STALLED] = "Stalled",
	[TD_REASON_DRY_RUN] = "DryRun",
};
static_assert(sizeof(reason_names) / sizeof(reason_names[0]) == TD_REASON_COUNT, "a name for every reason");

static const char *const activity_names[] = {
	[TD_ACTIVITY_IDLE] = "Idle",
	[TD_ACTIVITY_DRAINING] = "Draining",
	[TD_ACTIVITY_SETTLING] = "Settling",
	[TD_ACTIVITY_BALANCING] = "Balancing",
};
static_assert(sizeof(activity_names) / sizeof(activity_names[0]) == TD_ACTIVITY_COUNT, "a name for every activity");

/* A value outside its enum is a wrong program, never input: it is named, not believed. */
#define NAME_OF(table, value) ((unsigned)(value) < sizeof(table) / sizeof((table)[0]) ? (table)[value] : "?")

const char *td_family_name(enum td_family family)
{
	return NAME_OF(family_names, family);
}

const char *td_liveness_name(enum td_liveness liveness)
{
	return NAME_OF(liveness_names, liveness);
}

const char *td_witness_name(enum td_witness witness)
{
	return NAME_OF(witness_names, witness);
}

const char *td_phase_name(enum td_phase phase)
{
	return NAME_OF(phase_names, phase);
}

const char *td_reason_name(enum td_reason reason)
{
	return NAME_OF(reason_names, reason);
}

static int index_of(const char *const *table, int count, const char *name)
{
	for (int i = 0; name && i < count; i++)
		if (strcmp(table[i], name) == 0)
			return i;
	return -1;
}

bool td_phase_from_name(const char *name, enum td_phase *ret)
{
	int index = index_of(phase_names, TD_PHASE_COUNT, name);

	if (index >= 0)
		*ret = (enum td_phase)index;
	return index >= 0;
}

bool td_family_from_name(const char *name, enum td_family *ret)
{
	int index = index_of(family_names, TD_FAMILY_COUNT, name);

	if (index >= 0)
		*ret = (enum td_family)index;
	return index >= 0;
}

bool td_phase_is_final(enum td_phase phase)
{
	return phase != TD_PHASE_PENDING && phase != TD_PHASE_DRAINING && phase != TD_PHASE_VERIFYING;
}

const char *td_activity_name(enum td_activity activity)
{
	return NAME_OF(activity_names, activity);
}
