/* What a decoder made of an answer, as one line of text: for tests that compare many answers with one. "ERR" for an error, after which
 * nothing may have been written. */
#ifndef TICDC_DIGEST_H
#define TICDC_DIGEST_H

#include "base_test.h"
#include "ticdc/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum what {
	STATUS,
	CAPTURES,
	DRAIN,
	ACCEPTED,
	CHANGEFEEDS,
	DETAIL,
	TABLES,
	COUNT,
	CLASSIC_DETAIL,
	PROCESSOR,
	QUEUED,
	WHAT_COUNT
};

#define DIGEST_MAX 512
#define ADD(...) (used += snprintf(into + used, DIGEST_MAX - (size_t)used, __VA_ARGS__))

static inline void digest_spans(const struct td_ticdc_tables *tables, char *into)
{
	int used = (int)strlen(into);

	for (size_t i = 0; i < tables->count && used < DIGEST_MAX - 40; i++)
		ADD(" %lld@%.16s", (long long)tables->spans[i].table_id, tables->spans[i].node);
	if (tables->has_trigger)
		ADD(" trigger@%.16s", tables->trigger_node);
}

static inline enum td_error_code digest_lists(enum what what, const struct td_http_response *response, char *into,
					      struct td_error *err)
{
	struct td_ticdc_capture *captures = NULL;
	struct td_ticdc_listed *listed = NULL;
	size_t count = 0;
	int used = 0;
	enum td_error_code code = what == CAPTURES ? td_ticdc_decode_captures(response, &captures, &count, err)
						   : td_ticdc_decode_changefeeds(response, "default", &listed, &count, err);

	ADD("%zu", count);
	for (size_t i = 0; captures && i < count; i++)
		ADD(" %.40s@%.40s%s", captures[i].id, captures[i].address, captures[i].is_owner ? "*" : "");
	for (size_t i = 0; listed && i < count; i++)
		ADD(" %.40s%s", listed[i].name, listed[i].running ? "" : "(rests)");
	assert_true(code == TD_OK || (!captures && !listed && count == 0));
	free(captures);
	td_ticdc_listed_free(listed, count);
	return code;
}

static inline enum td_error_code digest_tables(enum what what, const struct td_http_response *response, char *into,
					       struct td_error *err)
{
	static const struct td_ticdc_capture captures[] = {{.id = "a"}, {.id = "b"}};
	struct td_ticdc_classic_detail detail = {.running = false};
	struct td_ticdc_tables tables = {.spans = NULL};
	enum td_error_code code;

	if (what == TABLES)
		code = td_ticdc_decode_tables(response, 0, &tables, err);
	else if (what == PROCESSOR)
		code = td_ticdc_decode_processor(response, "a", &tables, err);
	else
		code = td_ticdc_decode_classic_detail(response, "default/cf", captures, 2, &detail, err);
	(void)snprintf(into, DIGEST_MAX, "%s%s", detail.running ? "running" : "", detail.normal ? " normal" : "");
	digest_spans(what == CLASSIC_DETAIL ? &detail.tables : &tables, into);
	assert_true(code == TD_OK || (tables.count == 0 && !detail.tables.spans && !detail.running));
	td_ticdc_tables_done(&tables);
	td_ticdc_tables_done(&detail.tables);
	return code;
}

static inline enum td_error_code digest_one(enum what what, const struct td_http_response *response, char *into,
					    struct td_error *err)
{
	struct td_ticdc_status status;
	struct td_ticdc_detail detail;
	enum td_error_code code;
	int64_t number = -7;
	int used = 0;

	if (what == STATUS) {
		code = td_ticdc_decode_status(response, &status, err);
		if (code == TD_OK)
			ADD("%s %lld %d %d", status.id, (long long)status.pid, status.is_owner,
			    status.has_liveness ? status.liveness : -1);
		return code;
	}
	if (what == DETAIL) {
		code = td_ticdc_decode_detail(response, "default/cf", &detail, err);
		if (code == TD_OK)
			ADD("%s %s %s", detail.running ? "running" : "resting", detail.redo ? "redo" : "plain",
			    detail.maintainer_addr);
		return code;
	}
	code = what == DRAIN	? td_ticdc_decode_drain(response, &number, err)
	       : what == COUNT	? td_ticdc_decode_dispatcher_count(response, &number, err)
	       : what == QUEUED ? td_ticdc_decode_queued(response, err)
				: td_ticdc_decode_accepted(response, err);
	assert_true(code == TD_OK || number == -7);
	ADD("%lld", (long long)number);
	return code;
}

static inline void digest(enum what what, const struct td_http_response *response, char into[DIGEST_MAX])
{
	bool list = what == CAPTURES || what == CHANGEFEEDS;
	bool tables = what == TABLES || what == CLASSIC_DETAIL || what == PROCESSOR;
	struct td_error err;
	enum td_error_code code;

	into[0] = '\0';
	td_error_clear(&err);
	code = (list ? digest_lists : tables ? digest_tables : digest_one)(what, response, into, &err);
	assert_int_equal(code, err.code);
	if (code != TD_OK)
		(void)snprintf(into, DIGEST_MAX, "ERR");
}

#endif
