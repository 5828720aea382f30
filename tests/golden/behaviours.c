/* One function for each behaviour: what is there, what happens, until when. To add one: write it, name it in the table below,
 * make golden-update, and read the file. */
#include "behaviours.h"

#include <stddef.h>

/* Two maintainers and four dispatchers on a, one of each elsewhere. */
static void usual(struct world *w, enum td_family family)
{
	world_init(w, family, 3);
	world_changefeed(w, "default/one", "aaa");
	world_changefeed(w, "default/two", "aab");
	world_changefeed(w, "default/three", "ba");
}

static void drain_a(struct world *w)
{
	(void)world_request(w, "drain-a", "pod-a");
	world_give(w, "drain-a");
}

/* A single changefeed on a: traces of what goes wrong stay short. */
static void small(struct world *w, enum td_family family)
{
	world_init(w, family, 3);
	world_changefeed(w, "default/one", "ab");
}

static void managed(struct world *w)
{
	usual(w, TD_FAMILY_MANAGED);
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void native(struct world *w)
{
	usual(w, TD_FAMILY_NATIVE);
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void coordinator_first(struct world *w)
{
	small(w, TD_FAMILY_MANAGED);
	w->coordinator = 0;
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void queue_by_deadline(struct world *w)
{
	struct td_request_input *input;

	small(w, TD_FAMILY_MANAGED);
	drain_a(w);
	input = world_request(w, "drain-b", "pod-b");
	input->pod_terminating = true;
	input->deadline_ms = w->now_ms + 120000;
	world_node(w, "b")->terminating = true;
	world_give(w, "drain-b");
	world_until(w, "drain-b", TD_PHASE_DRAINED);
	world_says(w, "pod-b ends");
	world_unregister(w, "b");
	world_until(w, "drain-a", TD_PHASE_DRAINING);
}

static void refused_move(struct world *w)
{
	small(w, TD_FAMILY_MANAGED);
	world_fault(w, TD_EFFECT_MOVE_MAINTAINER,
		    (struct world_fault){.count = 2, .outcome = TD_OUTCOME_FAILED, .why = "500 CDC:ErrOperatorIsNil"});
	drain_a(w);
	while (w->faults[TD_EFFECT_MOVE_MAINTAINER].count == 2)
		world_run(w, 10);
	world_says(w, "b says that it is stopping");
	world_node(w, "b")->liveness = TD_STOPPING;
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void lost_answer(struct world *w)
{
	small(w, TD_FAMILY_MANAGED);
	world_fault(w, TD_EFFECT_MOVE_MAINTAINER,
		    (struct world_fault){.count = 1, .outcome = TD_OUTCOME_UNKNOWN, .happens = true, .why = "timeout"});
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void destination_dies(struct world *w)
{
	world_init(w, TD_FAMILY_MANAGED, 3);
	world_changefeed(w, "default/one", "ac");
	drain_a(w);
	while (w->move_count == 0)
		world_run(w, 10);
	world_says(w, "b, the destination, dies before the maintainer has left a");
	world_kill(w, "b");
	world_run(w, 3000);
	world_says(w, "b is not listed any more");
	world_unregister(w, "b");
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void target_dies(struct world *w)
{
	usual(w, TD_FAMILY_MANAGED);
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINING);
	world_says(w, "a, the target, dies");
	world_unregister(w, "a");
	world_until(w, "drain-a", TD_PHASE_FAILED);
	world_run(w, 20000);
}

static void work_comes_back(struct world *w)
{
	small(w, TD_FAMILY_MANAGED);
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_VERIFYING);
	world_run(w, 2000);
	world_says(w, "table 1 of default/one is on a again");
	w->changefeeds[0].spans[0] = 0;
	world_until(w, "drain-a", TD_PHASE_DRAINING);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void new_leader(struct world *w)
{
	usual(w, TD_FAMILY_MANAGED);
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINING);
	world_run(w, 1200);
	world_says(w, "the leader dies; another one has the Lease");
	world_new_leader(w);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void no_destination(struct world *w)
{
	small(w, TD_FAMILY_MANAGED);
	world_says(w, "the pods of b and c terminate");
	world_node(w, "b")->terminating = world_node(w, "c")->terminating = true;
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void fake_drain(struct world *w)
{
	usual(w, TD_FAMILY_FAKE_DRAIN);
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void dry_run(struct world *w)
{
	usual(w, TD_FAMILY_MANAGED);
	world_request(w, "drain-a", "pod-a")->dry_run = true;
	world_give(w, "drain-a");
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void deadline_passes(struct world *w)
{
	struct td_request_input *input;

	small(w, TD_FAMILY_MANAGED);
	world_changefeed(w, "default/two", "bab");
	input = world_request(w, "drain-a", "pod-a");
	input->pod_terminating = true;
	input->deadline_ms = w->now_ms + 10000;
	world_node(w, "a")->terminating = true;
	world_fault(w, TD_EFFECT_MOVE_DISPATCHER,
		    (struct world_fault){.count = 1000, .outcome = TD_OUTCOME_FAILED, .why = "500 CDC:ErrOperatorIsNil"});
	world_give(w, "drain-a");
	world_until(w, "drain-a", TD_PHASE_TIMED_OUT);
}

static void acknowledgement(struct world *w)
{
	small(w, TD_FAMILY_MANAGED);
	world_node(w, "b")->mute = world_node(w, "c")->mute = true;
	drain_a(w);
	world_run(w, 5000);
	world_says(w, "the agent beside c is back");
	world_node(w, "c")->mute = false;
	world_acknowledge(w, "drain-a");
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void even_load(struct world *w)
{
	world_init(w, TD_FAMILY_MANAGED, 3);
	world_changefeed(w, "default/one", "ab");
	world_changefeed(w, "default/two", "aab");
	world_changefeed(w, "default/three", "aaac");
	world_changefeed(w, "default/four", "baa");
	world_balance(w);
	world_run(w, 30000);
}

static void balance_gives_way(struct world *w)
{
	world_init(w, TD_FAMILY_MANAGED, 3);
	world_changefeed(w, "default/one", "b");
	world_changefeed(w, "default/two", "b");
	world_changefeed(w, "default/three", "b");
	world_balance(w);
	while (w->move_count == 0)
		world_run(w, 10);
	drain_a(w);
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

/* What is asked for is accepted, and never happens. */
static void stall(struct world *w)
{
	small(w, TD_FAMILY_MANAGED);
	world_fault(w, TD_EFFECT_MOVE_MAINTAINER,
		    (struct world_fault){.count = 1000, .outcome = TD_OUTCOME_DONE, .why = ""});
	drain_a(w);
	world_run(w, 47000);
	world_says(w, "TiCDC does again what it accepts");
	world_fault(w, TD_EFFECT_MOVE_MAINTAINER, (struct world_fault){.count = 0});
	world_until(w, "drain-a", TD_PHASE_DRAINED);
}

static void deleted(struct world *w)
{
	usual(w, TD_FAMILY_MANAGED);
	drain_a(w);
	while (w->move_count == 0)
		world_run(w, 10);
	world_cancel(w, "drain-a");
	world_run(w, 20000);
}

const struct behaviour behaviours[] = {
	{"managed", "Family M: the core moves maintainers, then dispatchers, and proves that nothing is left.", managed},
	{"native",
	 "Family N1: TiCDC drains by itself; the core asks, watches, and believes its 0 only with both other witnesses.",
	 native},
	{"coordinator_first", "The target is TiCDC's coordinator: it is asked to resign before anything is moved.",
	 coordinator_first},
	{"queue_by_deadline", "Of two requests the one whose pod terminates goes first, although it came later.",
	 queue_by_deadline},
	{"refused_move", "A move that is refused is asked for again after a pause, of whoever is the best destination then.",
	 refused_move},
	{"lost_answer", "The answer to a move is lost: it is looked for, seen to have happened, and not asked for again.",
	 lost_answer},
	{"destination_dies", "A destination dies before the move has begun: the maintainer stays, and goes elsewhere.",
	 destination_dies},
	{"target_dies",
	 "The target dies with work on it: after two lists without it the drain has failed, and what is absent is placed.",
	 target_dies},
	{"work_comes_back", "Work comes back while emptiness is being proven: it is moved again, and the proof begins anew.",
	 work_comes_back},
	{"new_leader",
	 "A new leader finds a drain in the middle: a higher epoch, made durable, and on from what is observed.",
	 new_leader},
	{"no_destination", "All other pods terminate: there is nowhere to go, which is said after two lists.",
	 no_destination},
	{"fake_drain", "Family N0, whose drain call answers from a counter: it is not asked, and what is left is named.",
	 fake_drain},
	{"dry_run", "A dry run reads, tells the plan, and changes nothing.", dry_run},
	{"deadline_passes", "The deadline passes with work left: the object says how much.", deadline_passes},
	{"acknowledgement",
	 "No agent has said that it knows of the drain: nothing is moved until one does, and then only to its capture.",
	 acknowledgement},
	{"even_load",
	 "Somebody asks for even load: the fullest capture gives maintainers, then dispatchers, until they are even.",
	 even_load},
	{"balance_gives_way", "A request comes while load is evened: moves under way are seen through, no new one is made.",
	 balance_gives_way},
	{"stall",
	 "What is asked for is accepted and never happens: the message names it, and the ladder is climbed, a rung each 15 "
	 "s.",
	 stall},
	{"deleted", "The request is deleted in the middle: no new move is made, and the core comes to rest.", deleted},
	{NULL, NULL, NULL},
};
