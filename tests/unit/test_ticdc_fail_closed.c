/* One table of TiCDC's answers, and every way to spoil each of them: status codes, content types, cuts, and each member of the body
 * removed, replaced, or there twice; then random bytes. Whatever comes out is an error, the very same value, or one of the exceptions that
 * are written down here with their reason: never a zero, an empty list, or "done". test_ticdc_decode.c has the single rules. */
#include "ticdc_digest.h"

#include <jansson.h>

#define JSON "application/json; charset=utf-8"
#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static const struct {
	const char *name, *good;
	int status;
	const char *harmless; /* members that are not used, whatever is in them, between commas */
} answers[WHAT_COUNT] = {
	[STATUS] = {"status",
		    "{\"version\":\"v8.5.7\",\"id\":\"a\",\"cluster_id\":\"x\",\"pid\":7,\"is_owner\":true,\"liveness\":1}",
		    200, ",version,cluster_id,"},
	[CAPTURES] = {"captures",
		      "{\"total\":2,\"items\":[{\"id\":\"a\",\"is_owner\":true,\"address\":\"h:1\",\"cluster_id\":\"x\"},"
		      "{\"id\":\"b\",\"is_owner\":false,\"address\":\"h:2\"}]}",
		      200, ",cluster_id,"},
	[DRAIN] = {"drain", "{\"current_table_count\":41}", 202, ","},
	[ACCEPTED] = {"accepted", "{}", 200, ","},
	[CHANGEFEEDS] =
		{"changefeeds",
		 "{\"total\":2,\"items\":[{\"id\":\"x\",\"keyspace\":\"default\",\"state\":\"normal\",\"error\":null},"
		 "{\"id\":\"y\",\"keyspace\":\"default\",\"state\":\"warning\"}]}",
		 200, ",error,"},
	[DETAIL] =
		{"detail",
		 "{\"id\":\"cf\",\"keyspace\":\"default\",\"state\":\"normal\",\"maintainer_addr\":\"h:1\",\"start_ts\":7,"
		 "\"config\":{\"consistent\":{\"level\":\"eventual\"}}}",
		 200, ",start_ts,"},
	[TABLES] =
		{"tables",
		 "{\"total\":2,\"items\":[{\"node_id\":\"a\",\"table_ids\":[0,5]},{\"node_id\":\"b\",\"table_ids\":[6]}]}",
		 200, ","},
	[COUNT] = {"count", "{\"count\":3}", 200, ","},
	[CLASSIC_DETAIL] = {"classic detail",
			    "{\"id\":\"cf\",\"namespace\":\"default\",\"state\":\"normal\",\"task_status\":["
			    "{\"capture_id\":\"a\",\"table_ids\":[5]},{\"capture_id\":\"b\",\"table_ids\":[6]}]}",
			    200, ","},
	[PROCESSOR] = {"processor", "{\"table_ids\":[5,6]}", 200, ","},
	[QUEUED] = {"queued", "", 202, ","},
};

/* Other values that are right. to: what the member was replaced with, "" when it was removed. */
static const struct {
	enum what what;
	const char *member, *to, *digest;
} exceptions[] = {
	{STATUS, "liveness", "", "a 7 1 -1"},		      /* the classic family's */
	{STATUS, "id", "\"\"", " 7 1 1"},		      /* very early in its life; no witness takes it */
	{DETAIL, "state", "", "running redo h:1"},	      /* uninitialised: it runs */
	{DETAIL, "state", "\"\"", "running redo h:1"},	      /* the same */
	{DETAIL, "maintainer_addr", "", "running redo "},     /* not placed: counted as such, and not empty */
	{DETAIL, "maintainer_addr", "\"\"", "running redo "}, /* the same */
	{DETAIL, "config", "", "running plain h:1"},	      /* members that are empty are left out (3.2); W3 counts redo */
	{DETAIL, "config", "null", "running plain h:1"},
	{DETAIL, "config", "{}", "running plain h:1"},
	{DETAIL, "consistent", "{}", "running plain h:1"},
	{DETAIL, "consistent", "", "running plain h:1"},
	{DETAIL, "consistent", "null", "running plain h:1"},
	{DETAIL, "level", "", "running plain h:1"},
	{DETAIL, "level", "\"\"", "running plain h:1"},
	{CHANGEFEEDS, "state", "\"\"", "2 default/x default/y"},
	{CLASSIC_DETAIL, "state", "", "running"}, /* not normal: its processors are asked */
	{CLASSIC_DETAIL, "state", "\"\"", "running"},
	{TABLES, "node_id", "\"\"", "*"},	/* placed nowhere: counted, and not empty */
	{CLASSIC_DETAIL, "table_ids", "", "*"}, /* a capture without tables leaves them out (3.2) */
	{PROCESSOR, "table_ids", "[]", ""},
	{TABLES, "table_ids", "[]", "*"},
	{CLASSIC_DETAIL, "table_ids", "[]", "*"},
	{DRAIN, "current_table_count", "1", "1"},
	{COUNT, "count", "1", "1"},
	{STATUS, "liveness", "0", "a 7 1 0"},
	{STATUS, "pid", "0", "a 0 1 1"},
	{STATUS, "pid", "1", "a 1 1 1"},
	{STATUS, "pid", "9007199254740993", "a 9007199254740993 1 1"},
	{STATUS, "is_owner", "false", "a 7 0 1"},
	{CAPTURES, "is_owner", "*", "*"}, /* another coordinator, or two: the observers' business */
	{DRAIN, "current_table_count", "9007199254740993", "9007199254740993"},
	{DRAIN, "current_table_count", "0", "0"}, /* that one is the answer itself */
	{COUNT, "count", "9007199254740993", "9007199254740993"},
};

static size_t spoilt, accepted_as_exception;

static bool is_exception(enum what what, const char *member, const char *to, const char *digest_text)
{
	for (size_t i = 0; i < COUNT_OF(exceptions); i++)
		if (exceptions[i].what == what && strcmp(exceptions[i].member, member) == 0 &&
		    (strcmp(exceptions[i].to, to) == 0 || exceptions[i].to[0] == '*') &&
		    (strcmp(exceptions[i].digest, digest_text) == 0 || exceptions[i].digest[0] == '*'))
			return true;
	return false;
}

static bool is_harmless(enum what what, const char *member)
{
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted), ",%s,", member);
	return strstr(answers[what].harmless, wanted) != NULL;
}

static void read_as(enum what what, int status, const char *type, const char *body, size_t len, char into[DIGEST_MAX])
{
	const struct td_http_response response = {
		.status = status, .content_type = type, .retry_after_ms = -1, .body = body, .body_len = len};

	digest(what, &response, into);
	spoilt++;
}

/* What nobody may ever read out of an answer that says otherwise. */
static bool is_dangerous(enum what what, const char *text)
{
	switch (what) {
	case DRAIN:
		return strcmp(text, "0") == 0;
	case CAPTURES:
	case CHANGEFEEDS:
		return text[0] == '0' || strstr(text, "(rests)") != NULL;
	case DETAIL:
		return strncmp(text, "resting", 7) == 0;
	case TABLES:
	case PROCESSOR:
	case CLASSIC_DETAIL:
		return strchr(text, '@') == NULL && strcmp(text, "running") != 0;
	case STATUS:
	case ACCEPTED:
	case COUNT:
	case QUEUED:
	case WHAT_COUNT:
		break;
	}
	return false;
}

/* A body with one member spoilt. Another name or id is another thing, which is not this one, and not nothing. */
static void check(enum what what, const char *body, const char *member, const char *to)
{
	char good[DIGEST_MAX], got[DIGEST_MAX];

	read_as(what, answers[what].status, JSON, answers[what].good, strlen(answers[what].good), good);
	read_as(what, answers[what].status, JSON, body, strlen(body), got);
	if (strcmp(got, "ERR") == 0 || is_harmless(what, member) ||
	    (strcmp(to, "\"text\"") == 0 && !is_dangerous(what, got)))
		return;
	if (is_exception(what, member, to, got))
		accepted_as_exception++;
	else if (strcmp(got, good) != 0)
		fail_msg("%s, %s = %s: \"%s\" instead of \"%s\" or an error, from %s", answers[what].name, member, to, got,
			 good, body);
}

static const char *const odd[] = {"null",
				  "true",
				  "false",
				  "\"text\"",
				  "\"\"",
				  "[]",
				  "{}",
				  "[null]",
				  "-1",
				  "0",
				  "1",
				  "1.5",
				  "1e30",
				  "9007199254740993",
				  "9223372036854775808"};

static void spoil_members(enum what what, json_t *root, json_t *at);

static void spoil_member(enum what what, json_t *root, json_t *object, const char *key)
{
	json_t *kept = json_incref(json_object_get(object, key));
	char *text;

	for (size_t i = 0; i <= COUNT_OF(odd); i++) {
		json_t *value = i < COUNT_OF(odd) ? json_loads(odd[i], JSON_DECODE_ANY, NULL) : NULL;

		if (value)
			(void)json_object_set_new(object, key, value);
		else if (i == COUNT_OF(odd))
			(void)json_object_del(object, key);
		else
			continue; /* beyond what the writer can hold: see the cuts below */
		text = json_dumps(root, JSON_COMPACT);
		check(what, text, key, i < COUNT_OF(odd) ? odd[i] : "");
		free(text);
		(void)json_object_set(object, key, kept);
	}
	spoil_members(what, root, kept);
	json_decref(kept);
}

static void spoil_members(enum what what, json_t *root, json_t *at)
{
	size_t index;
	json_t *item;

	if (json_is_object(at)) {
		json_t *keys = json_copy(at); /* the object changes under our hands */
		void *iter = json_object_iter(keys);

		for (; iter; iter = json_object_iter_next(keys, iter))
			spoil_member(what, root, at, json_object_iter_key(iter));
		json_decref(keys);
	}
	json_array_foreach (at, index, item)
		spoil_members(what, root, item);
}

static void every_member_spoilt_is_an_error_or_changes_nothing(void **state)
{
	(void)state;
	for (int what = 0; what < WHAT_COUNT; what++) {
		json_t *root = json_loads(answers[what].good, 0, NULL);

		if (root) /* the one without a body has nothing to spoil */
			spoil_members((enum what)what, root, root);
		json_decref(root);
	}
	print_message("%zu spoilt answers read, %zu of them documented exceptions\n", spoilt, accepted_as_exception);
	assert_true(spoilt > 500);
}

/* Each key once more, before and behind, with the same value and with another. */
static void a_key_that_is_there_twice_is_an_error(void **state)
{
	(void)state;
	for (int what = 0; what < WHAT_COUNT; what++) {
		json_t *root = json_loads(answers[what].good, 0, NULL);
		const char *key;
		json_t *value;

		json_object_foreach (root, key, value) {
			char body[1024], got[DIGEST_MAX];
			char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
			int len = snprintf(body, sizeof(body), "{\"%s\":%s,%s", key, text, answers[what].good + 1);

			read_as((enum what)what, answers[what].status, JSON, body, (size_t)len, got);
			assert_string_equal(got, "ERR");
			free(text);
		}
		json_decref(root);
	}
}

static void every_status_type_and_cut_but_the_documented_one_is_an_error(void **state)
{
	static const int statuses[] = {0,   100, 200, 201, 202, 203, 204, 206, 301, 302, 303, 304, 307, 308,
				       400, 401, 403, 404, 408, 409, 413, 429, 500, 501, 502, 503, 504};
	static const char *const types[] = {"", "text/html", "application/octet-stream", "application/jsonp"};
	char got[DIGEST_MAX];

	(void)state;
	for (int w = 0; w < WHAT_COUNT; w++) {
		enum what what = (enum what)w;
		const char *good = answers[w].good;

		for (size_t i = 0; i < COUNT_OF(statuses); i++) {
			read_as(what, statuses[i], JSON, good, strlen(good), got);
			assert_true((strcmp(got, "ERR") == 0) == (statuses[i] != answers[w].status));
		}
		for (size_t i = 0; what != QUEUED && i < COUNT_OF(types); i++) {
			read_as(what, answers[w].status, types[i], good, strlen(good), got);
			assert_string_equal(got, "ERR");
		}
		for (size_t len = 0; what != QUEUED && len < strlen(good); len++) {
			read_as(what, answers[w].status, JSON, good, len, got);
			assert_string_equal(got, "ERR");
		}
	}
}

/* One byte changed, lost or more: never from "there is work" to "there is none". */
static void random_bytes_never_read_as_empty(void **state)
{
	uint64_t seed = 20261123;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		for (int w = 0; w < WHAT_COUNT; w++) {
			char body[1024], got[DIGEST_MAX];
			size_t len = strlen(answers[w].good), at;

			if (len == 0)
				continue;
			memcpy(body, answers[w].good, len + 1);
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			at = (size_t)(seed >> 33) % len;
			if (seed & 1) {
				body[at] = (char)(body[at] ^ (1 << (seed >> 60) % 8));
			} else if (seed & 2) {
				memmove(body + at, body + at + 1, len-- - at);
			} else {
				memmove(body + at + 1, body + at, ++len - at);
				body[at] = (char)(seed >> 40);
			}
			read_as((enum what)w, answers[w].status, JSON, body, len, got);
			if (strcmp(got, "ERR") != 0 && is_dangerous((enum what)w, got))
				fail_msg("%s: \"%s\" out of %.*s", answers[w].name, got, (int)len, body);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_spoilt_is_an_error_or_changes_nothing),
		cmocka_unit_test(a_key_that_is_there_twice_is_an_error),
		cmocka_unit_test(every_status_type_and_cut_but_the_documented_one_is_an_error),
		cmocka_unit_test(random_bytes_never_read_as_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
