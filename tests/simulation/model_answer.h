/* An effect under way, shared by the model's files that perform and show. */
#ifndef TD_SIMULATION_MODEL_ANSWER_H
#define TD_SIMULATION_MODEL_ANSWER_H

#include "model.h"

struct model_answer {
	uint64_t serial;
	struct td_effect effect;
	char changefeed[64];
	int64_t execute_ms, due_ms;
	bool executed, never_executed, lost, orphan, again;
	enum td_outcome outcome;
	const char *why;
	int64_t number;
	struct model_node *read; /* OBSERVE_PROCESS: of whom */
	struct td_nodes_view nodes;
	struct td_workload_view workload;
	struct td_changefeed_view *changefeeds;
	struct td_process_view process;
};

void *model_checked(void *memory); /* never NULL: gives up instead */
void model_refuse(struct model_answer *answer, const char *why);
int model_reach(const struct model *model, const struct model_answer *answer);
struct model_changefeed *model_find_changefeed(const struct model *model, const char *name);

void model_show_nodes(struct model *model, struct model_answer *answer);
void model_show_workload(struct model *model, struct model_answer *answer);
void model_show_one(struct model *model, struct model_answer *answer);
void model_show_process(struct model *model, struct model_answer *answer);

#endif
