/* Families by behaviour; whatever is unclear is an error and never a family. */
#include "ticdc_peer.h"

#define NEW "{\"version\":\"v8.5.7\",\"id\":\"a\",\"cluster_id\":\"c\",\"pid\":1,\"is_owner\":true,\"liveness\":0}"
#define OLD "{\"version\":\"v8.5.7\",\"id\":\"a\",\"pid\":1,\"is_owner\":true}"
#define FAULT(code) "{\"error_msg\":\"x\",\"error_code\":\"" code "\"}"
#define TWO                                                                                                                 \
	"{\"total\":2,\"items\":[{\"id\":\"a\",\"is_owner\":true,\"address\":\"@0\"},{\"id\":\"b\",\"is_owner\":false,"     \
	"\"address\":\"@1\"}]}"
#define ONE "{\"total\":1,\"items\":[{\"id\":\"a\",\"is_owner\":true,\"address\":\"@0\"}]}"

#define STATUS(body)                                                                                                        \
	{                                                                                                                   \
		0, "GET /status", 0, 200, JSON, body                                                                        \
	}
#define MOVE(status, type, body)                                                                                            \
	{                                                                                                                   \
		0, "POST /api/v2/changefeeds/probe-*", 0, status, type, body                                                \
	}
#define CAPTURES(body)                                                                                                      \
	{                                                                                                                   \
		0, "GET /api/v2/captures", 0, 200, JSON, body                                                               \
	}
#define DRAIN(status, type, body)                                                                                           \
	{                                                                                                                   \
		0, "PUT /api/v1/captures/drain", 0, status, type, body                                                      \
	}
#define NO_MOVE MOVE(404, "text/plain", "404 page not found")

struct outcome {
	struct peer *peer;
	int calls;
	enum td_family family;
	struct td_error err;
	char why[TD_TEXT_MAX];
};

static void on_family(enum td_family family, const char *why, const struct td_error *err, void *userdata)
{
	struct outcome *outcome = userdata;

	outcome->calls++;
	outcome->family = family;
	outcome->err = *err;
	(void)snprintf(outcome->why, sizeof(outcome->why), "%s", why);
	td_loop_stop(outcome->peer->loop);
}

static struct outcome detect(struct peer *peer, const struct rule *rules)
{
	struct outcome outcome = {.peer = peer};

	peer_script(peer, rules);
	assert_non_null(td_ticdc_detect_family(peer->client, peer->nodes[0].address, NULL, on_family, &outcome));
	assert_int_equal(outcome.calls, 0);
	peer_run(peer);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

static void family_is_told_by_behaviour(void **state)
{
	static const struct {
		enum td_family family;
		struct rule rules[5];
	} cases[] = {
		{TD_FAMILY_CLASSIC, {STATUS(OLD)}},
		{TD_FAMILY_CLASSIC, {{0, "GET /status", 0, 200, "text/plain; charset=utf-8", OLD}}},
		{TD_FAMILY_MANAGED, {STATUS(NEW), MOVE(500, JSON, FAULT(""))}},
		{TD_FAMILY_MANAGED, {STATUS(NEW), MOVE(400, JSON, FAULT("CDC:ErrChangeFeedNotExists"))}},
		{TD_FAMILY_MANAGED, {STATUS(NEW), MOVE(500, JSON, FAULT("CDC:ErrNodeIsNotFound"))}},
		{TD_FAMILY_FAKE_DRAIN,
		 {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(202, JSON, "{\"current_table_count\":0}")}},
		{TD_FAMILY_FAKE_DRAIN,
		 {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(202, JSON, "{\"current_table_count\":10}")}},
		{TD_FAMILY_NATIVE, {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(400, JSON, FAULT("CDC:ErrCaptureNotExist"))}},
		{TD_FAMILY_NATIVE,
		 {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(400, "text/plain", FAULT("CDC:ErrCaptureNotExist"))}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = detect(*state, cases[i].rules);

		if (outcome.err.code != TD_OK || outcome.family != cases[i].family || !outcome.why[0])
			fail_msg("case %zu: family %d: %s %s", i, (int)outcome.family, outcome.err.text, outcome.why);
	}
}

static void unclear_answers_are_no_family(void **state)
{
	static const struct {
		const char *text; /* a part of the error */
		struct rule rules[5];
	} cases[] = {
		{"status", {{0, "GET /other", 0, 200, "", ""}}},
		{"status", {{0, "GET /status", 0, 200, "text/html", NEW}}},
		{"status", {{0, "GET /status", 0, 200, JSON, "{}"}}},
		{"status", {{0, "GET /status", 0, 0, "", ""}}},
		{"status", {{0, "GET /status", 0, 503, "text/plain", FAULT("CDC:ErrServerIsNotReady")}}},
		{"move_maintainer", {STATUS(NEW), MOVE(200, JSON, "{}")}},
		{"move_maintainer", {STATUS(NEW), MOVE(404, "text/html", "<html>not found</html>")}},
		{"move_maintainer", {STATUS(NEW), MOVE(404, JSON, FAULT("CDC:ErrX"))}},
		{"move_maintainer", {STATUS(NEW), MOVE(401, JSON, FAULT("CDC:ErrCredentialNotFound"))}},
		{"move_maintainer", {STATUS(NEW), MOVE(403, "", "")}},
		{"move_maintainer", {STATUS(NEW), MOVE(500, "", "")}},
		{"move_maintainer", {STATUS(NEW), MOVE(502, "text/html", "<html>")}},
		{"move_maintainer", {STATUS(NEW), MOVE(503, JSON, FAULT("x"))}},
		{"move_maintainer", {STATUS(NEW), MOVE(0, "", "")}},
		{"captures", {STATUS(NEW), NO_MOVE}},
		{"single capture", {STATUS(NEW), NO_MOVE, CAPTURES(ONE), DRAIN(202, JSON, "{\"current_table_count\":0}")}},
		{"drain probe", {STATUS(NEW), NO_MOVE, CAPTURES(TWO)}}, /* 404 */
		{"drain probe", {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(200, JSON, "{\"current_table_count\":0}")}},
		{"drain probe", {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(202, JSON, "{}")}},
		{"drain probe", {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(202, "", "")}},
		{"drain probe",
		 {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(400, JSON, FAULT("CDC:ErrSchedulerRequestFailed"))}},
		{"drain probe", {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(400, "", "")}},
		{"drain probe", {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(401, JSON, FAULT("CDC:ErrCredentialNotFound"))}},
		{"drain probe", {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(500, JSON, FAULT("CDC:ErrCaptureNotExist"))}},
		{"drain probe", {STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(0, "", "")}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = detect(*state, cases[i].rules);

		if (outcome.err.code == TD_OK || outcome.family != TD_FAMILY_UNKNOWN ||
		    !strstr(outcome.err.text, cases[i].text))
			fail_msg("case %zu: family %d: %s", i, (int)outcome.family, outcome.err.text);
	}
}

static void family_probes_touch_nothing_that_exists(void **state)
{
	static const struct rule rules[] = {
		STATUS(NEW), NO_MOVE, CAPTURES(TWO), DRAIN(400, JSON, FAULT("CDC:ErrCaptureNotExist")), {0}};
	struct peer *peer = *state;
	const char *first, *second;
	char id[37] = "";

	(void)detect(peer, rules);
	first = strstr(td_buf_text(&peer->log), "/changefeeds/probe-");
	assert_non_null(first);
	memcpy(id, first + strlen("/changefeeds/probe-"), 36);
	assert_int_equal(id[14], '4'); /* a random UUID */
	second = strstr(td_buf_text(&peer->log), "drain {\"capture_id\":\"");
	assert_non_null(second);
	assert_int_equal(strncmp(second + strlen("drain {\"capture_id\":\""), id, 36), 0);

	(void)detect(peer, rules);
	assert_null(strstr(td_buf_text(&peer->log), id)); /* a new one each time */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		peer_test(family_is_told_by_behaviour),
		peer_test(unclear_answers_are_no_family),
		peer_test(family_probes_touch_nothing_that_exists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
