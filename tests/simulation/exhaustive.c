#include "exhaustive.h"
#include "call.h"
void points_call(struct world *w, struct call *call)
{
	(void)w;
	(void)call;
}
void points_write(struct world *w, struct sidecar *s, const struct td_effect *effect, bool *executes, bool *lost,
		  bool *twice, enum td_outcome *outcome, const char **why)
{
	(void)w;
	(void)s;
	(void)effect;
	(void)executes;
	(void)lost;
	(void)twice;
	(void)outcome;
	(void)why;
}
bool points_kill_leader(struct world *w)
{
	(void)w;
	return false;
}
bool run_exhaustive(int jobs)
{
	(void)jobs;
	return false;
}
bool run_exhaustive_case(const char *name)
{
	(void)name;
	return false;
}
