/* Everything that can go wrong here, by kind: how likely it is in a run, and how often it happened. */
#ifndef TD_SIMULATION_FAULTS_H
#define TD_SIMULATION_FAULTS_H

enum fault {
	/* Drawn for each call to TiCDC. */
	FAULT_REFUSED,
	FAULT_LOST_EXECUTED,
	FAULT_LOST_UNEXECUTED,
	FAULT_SLOW,
	FAULT_ANSWERED_TWICE,
	FAULT_EXECUTED_TWICE,
	FAULT_IGNORED,	  /* a move is accepted and forgotten */
	FAULT_UNREADABLE, /* W3: a missing series, an error */
	FAULT_ODD_LIST,	  /* captures list: empty, or without coordinator */
	FAULT_STALE_LIST, /* captures list of seconds ago */
	/* Drawn for each move that the core asked for. */
	FAULT_DESTINATION_DIES_BEFORE, /* the origin has not stopped yet */
	FAULT_DESTINATION_DIES_AFTER,
	/* Drawn each second, of TiCDC. */
	FAULT_FAILOVER,
	FAULT_CRASH,	    /* a capture dies; its pod starts another, or not for long */
	FAULT_TARGET_DIES,  /* the one that is being drained */
	FAULT_RETURNING,    /* work is placed back on some capture, maybe the one being drained */
	FAULT_LYING_BOOKS,  /* for a while the books show no work on the target */
	FAULT_LYING_ANSWER, /* for a while the drain call answers 0 */
	/* Drawn for each request to the API server. */
	FAULT_WRITE_REFUSED,
	FAULT_WRITE_LOST_EXECUTED,
	FAULT_WRITE_LOST_UNEXECUTED,
	FAULT_WRITE_SLOW,
	/* Drawn each second, of sidecars. */
	FAULT_PARTITION, /* from the API server */
	FAULT_SIDECAR_DIES,
	FAULT_SIDECAR_STOPPED,	 /* SIGSTOP, SIGCONT: it does nothing, its clock goes on */
	FAULT_SIDECAR_SUSPENDED, /* its clock stands still meanwhile, and it notices nothing */
	FAULT_CLOCK_JUMP,	 /* forward, at once */
	FAULT_LEASE_STOLEN,
	FAULT_LEASE_LOST, /* somebody who never renews it takes the Lease */
	/* Drawn elsewhere. */
	FAULT_SIDECAR_DIES_AT_EFFECT,
	FAULT_STALE_SNAPSHOT, /* objects, after a reconnect */
	FAULT_WALL_SKEW,
	FAULT_CANCELLED, /* the object is deleted */
	/* Never drawn: what follows of the others, and of timing. */
	FAULT_CONFLICT,	   /* 409 */
	FAULT_REORDERED,   /* an answer overtakes an earlier one */
	FAULT_FENCED,	   /* an effect is not sent: the Lease is not valid */
	FAULT_TWO_LEADERS, /* two sidecars believe to lead */
	FAULT_TWIN,	   /* two captures at one address */
	FAULT_COUNT
};

struct chances {
	int permille[FAULT_COUNT];
};

const char *fault_name(enum fault fault);

#endif
