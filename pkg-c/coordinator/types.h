/* The words that the core, the TiCDC layer and the shell share: nodes, workload, witnesses, phases.
 *
 * "Node" is a TiCDC capture seen as a place for work. It is identified by its capture id, which is new at every process start:
 * a restarted process is another node. All views here are read-only input, borrowed for the time of one call. */
#ifndef TD_COORDINATOR_TYPES_H
#define TD_COORDINATOR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TD_ID_MAX 64	   /* capture id, with its terminator */
#define TD_ADDRESS_MAX 280 /* host:port */
#define TD_NAME_MAX 254	   /* Kubernetes object name */
#define TD_TEXT_MAX 320	   /* a message for people */

/* What TiCDC can do, found by behaviour. See docs/ticdc.md. */
enum td_family {
	TD_FAMILY_UNKNOWN,    /* not found out yet */
	TD_FAMILY_CLASSIC,    /* C: owner and processors, with a real drain */
	TD_FAMILY_FAKE_DRAIN, /* N0: new architecture whose drain call answers from a counter */
	TD_FAMILY_NATIVE,     /* N1: new architecture with a real drain */
	TD_FAMILY_MANAGED,    /* M: accepts explicit moves of maintainers and dispatchers */
	TD_FAMILY_COUNT
};

enum td_liveness { TD_ALIVE, TD_DRAINING, TD_STOPPING, TD_LIVENESS_COUNT };

/* One capture as TiCDC lists it, with what its own status said and the pod that it runs in. */
struct td_node_view {
	const char *id;
	const char *address;
	bool is_coordinator;
	int reported_liveness; /* from the process' own status: 0, 1, 2; -1 when it did not answer or answered for another id */
	bool answers;	       /* the process at that address answered with this very id */
	const char *pod;       /* "" when no pod matches; filled in by the shell */
	bool pod_terminating;
};

struct td_nodes_view {
	const char *coordinator; /* capture id; "" unless exactly one node claims it */
	const struct td_node_view *nodes;
	size_t count;
};

/* A movable dispatcher (table span). mode 0 is the ordinary one, 1 the redo one. Triggers (table 0) are never listed here:
 * they move with their maintainer. */
struct td_span {
	int64_t table_id;
	uint8_t mode;
	const char *node; /* capture id; "" when not placed */
};

/* One changefeed in the cluster's books. */
struct td_changefeed_view {
	const char *name;	     /* "keyspace/name" */
	bool running;		     /* has or should have a maintainer */
	const char *maintainer_addr; /* advertise address; "" when there is none */
	bool tables_known;	     /* false: it has no maintainer that could list them */
	const struct td_span *spans;
	size_t span_count;
	uint32_t triggers_unplaced; /* expected but in no list: a maintainer that is not bootstrapped */
};

/* All changefeeds, read under one coordinator (asked before and after). */
struct td_workload_view {
	const char *coordinator;
	const struct td_changefeed_view *changefeeds;
	size_t count;
};

/* The three witnesses of zero. */
enum td_witness {
	TD_WITNESS_ANSWER,  /* W1: TiCDC's drain call */
	TD_WITNESS_CLUSTER, /* W2: maintainer addresses and tables lists of every changefeed */
	TD_WITNESS_PROCESS, /* W3: the capture's own status and metrics */
	TD_WITNESS_COUNT
};

struct td_counts {
	uint32_t maintainers;
	uint32_t dispatchers; /* movable ones, both modes */
	uint32_t triggers;
	uint32_t brokers; /* event broker registrations */
};

/* What the process itself says (W3), one status and one metrics scrape of the same capture. */
struct td_process_view {
	bool known; /* false: unreachable, an error, garbage, a missing series, another capture id: see why */
	const char *why;
	const char *capture;   /* id from the status taken around the scrape */
	int64_t process_start; /* pid and start time folded into one number that changes with the process */
	int liveness;	       /* as in td_node_view */
	struct td_counts counts;
};

/* Phases of a drain request, in the order of a good life. */
enum td_phase {
	TD_PHASE_PENDING,   /* accepted, waiting for its turn */
	TD_PHASE_DRAINING,  /* durable; work is being moved */
	TD_PHASE_VERIFYING, /* nothing seen any more; the witnesses are being compared */
	TD_PHASE_DRAINED,   /* proven empty: the gate may open */
	TD_PHASE_RELEASED,  /* the capture is gone after a finished drain */
	TD_PHASE_FAILED,
	TD_PHASE_TIMED_OUT,
	TD_PHASE_CANCELLED,
	TD_PHASE_UNSUPPORTED, /* this TiCDC cannot move the work */
	TD_PHASE_COUNT
};

/* Why a request is where it is: one word for status, conditions, events and metrics alike. */
enum td_reason {
	TD_REASON_NONE,
	TD_REASON_QUEUED,		       /* another drain is active */
	TD_REASON_WAITING_FOR_SLOT,	       /* TiCDC keeps its one drain slot until the last target leaves */
	TD_REASON_WAITING_FOR_CAPTURE,	       /* the pod exists, no capture is registered for it */
	TD_REASON_WAITING_FOR_ACKNOWLEDGEMENT, /* no destination's agent has confirmed yet that it knows of the drain */
	TD_REASON_DETECTING,		       /* finding out the family */
	TD_REASON_MOVING_COORDINATOR,
	TD_REASON_MOVING_MAINTAINERS,
	TD_REASON_MOVING_DISPATCHERS,
	TD_REASON_WAITING_FOR_NATIVE, /* TiCDC does not answer its drain call, or has not begun (its 1 has four meanings) */
	TD_REASON_COMPARING_WITNESSES,
	TD_REASON_WITNESSES_DISAGREE,
	TD_REASON_PROVEN_EMPTY,
	TD_REASON_CAPTURE_GONE,
	TD_REASON_INVALID_REQUEST,
	TD_REASON_POD_NOT_FOUND,
	TD_REASON_CAPTURE_NOT_FOUND,
	TD_REASON_NO_DESTINATION, /* no other capture can take work */
	TD_REASON_FAKE_DRAIN,	  /* family N0 */
	TD_REASON_MIXED_VERSIONS, /* family N1, but a capture of an older build makes the drain call answer 0 and do nothing */
	TD_REASON_DEADLINE,
	TD_REASON_STALLED, /* no progress for too long, whatever was tried */
	TD_REASON_DRY_RUN,
	TD_REASON_COUNT
};

/* Names as they appear in status fields, events, logs and metrics. Never NULL. */
const char *td_family_name(enum td_family family);	 /* "N1" */
const char *td_liveness_name(enum td_liveness liveness); /* "Draining" */
const char *td_witness_name(enum td_witness witness);	 /* "cluster" */
const char *td_phase_name(enum td_phase phase);		 /* "Draining" */
const char *td_reason_name(enum td_reason reason);	 /* "MovingMaintainers" */

bool td_phase_from_name(const char *name, enum td_phase *ret);
bool td_family_from_name(const char *name, enum td_family *ret);

/* Drained, Released, Failed, TimedOut, Cancelled, Unsupported: the coordinator does no more. */
bool td_phase_is_final(enum td_phase phase);

#endif
