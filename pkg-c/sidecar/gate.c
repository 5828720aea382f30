/* See gate.h. */
#include "sidecar/gate.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOOKS_MAX 16
#define LINE_MAX_BYTES 1024

struct td_gate {
	struct td_line_server *server;
	struct td_line_peer *hooks[HOOKS_MAX]; /* those that said "wait" */
	size_t count;
	bool open;
	char line[LINE_MAX_BYTES]; /* last progress, or the opening line */
	void (*waiting)(bool anybody, void *userdata);
	void *userdata;
};

static void opened(struct td_line_peer *peer, void *userdata)
{
	(void)peer;
	(void)userdata; /* nothing to say before it says what it wants */
}

static void tell(struct td_gate *gate, struct td_line_peer *hook)
{
	if (gate->line[0])
		td_line_send(hook, gate->line);
	if (gate->open)
		td_line_finish(hook);
}

static void line(struct td_line_peer *peer, const char *text, void *userdata)
{
	struct td_gate *gate = userdata;

	if (strcmp(text, "wait") != 0 || gate->count == HOOKS_MAX) {
		td_line_finish(peer);
		return;
	}
	for (size_t i = 0; i < gate->count; i++)
		if (gate->hooks[i] == peer)
			return; /* said it twice */
	gate->hooks[gate->count++] = peer;
	tell(gate, peer);
	if (!gate->open)
		gate->waiting(true, gate->userdata);
}

static void closed(struct td_line_peer *peer, void *userdata)
{
	struct td_gate *gate = userdata;

	for (size_t i = 0; i < gate->count; i++) {
		if (gate->hooks[i] != peer)
			continue;
		gate->hooks[i] = gate->hooks[--gate->count];
		if (gate->count == 0 && !gate->open)
			gate->waiting(false, gate->userdata);
		return;
	}
}

struct td_gate *td_gate_new(struct td_loop *loop, const char *path, void (*waiting)(bool anybody, void *userdata),
			    void *userdata, struct td_error *err)
{
	static const struct td_line_handlers handlers = {.opened = opened, .line = line, .closed = closed};
	struct td_gate *gate = calloc(1, sizeof(*gate));

	if (!gate) {
		td_error_set(err, TD_ERR_NOMEM, "gate: out of memory");
		return NULL;
	}
	gate->waiting = waiting;
	gate->userdata = userdata;
	gate->server = td_line_server_new(loop, path, &handlers, gate, err);
	if (!gate->server) {
		td_error_wrap(err, "gate socket %s", path);
		return td_gate_free(gate);
	}
	return gate;
}

struct td_gate *td_gate_free(struct td_gate *gate)
{
	if (gate) {
		td_line_server_free(gate->server);
		free(gate);
	}
	return NULL;
}

bool td_gate_is_waited_at(const struct td_gate *gate)
{
	return gate->count > 0;
}

bool td_gate_is_open(const struct td_gate *gate)
{
	return gate->open;
}

static void announce(struct td_gate *gate, const char *text)
{
	if (strcmp(text, gate->line) == 0 && !gate->open)
		return;
	(void)td_text_copy(gate->line, sizeof(gate->line), text);
	for (size_t i = gate->count; i-- > 0;)
		tell(gate, gate->hooks[i]);
}

/* One line: text comes from TiCDC and from objects, and must not be able to say "open" after a line break. */
static void compose(char into[LINE_MAX_BYTES], const char *head, const char *text)
{
	(void)snprintf(into, LINE_MAX_BYTES, "%s %s", head, text);
	for (char *c = into; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' ';
}

void td_gate_progress(struct td_gate *gate, int64_t deadline_wall_ms, const char *text)
{
	char head[40], next[LINE_MAX_BYTES];

	if (gate->open)
		return;
	(void)snprintf(head, sizeof(head), "progress %lld", (long long)deadline_wall_ms);
	compose(next, head, text);
	announce(gate, next);
}

void td_gate_open(struct td_gate *gate, const char *outcome, const char *text)
{
	char head[64], last[LINE_MAX_BYTES];

	if (gate->open)
		return;
	(void)snprintf(head, sizeof(head), "open %s", outcome);
	compose(last, head, text);
	gate->open = true;
	announce(gate, last);
}

void td_gate_dismiss(struct td_gate *gate, const char *outcome, const char *text)
{
	char head[64], last[LINE_MAX_BYTES];

	if (gate->open)
		return;
	(void)snprintf(head, sizeof(head), "open %s", outcome);
	compose(last, head, text);
	for (size_t i = 0; i < gate->count; i++) {
		td_line_send(gate->hooks[i], last);
		td_line_finish(gate->hooks[i]);
	}
	gate->count = 0;
	gate->line[0] = '\0';
}
