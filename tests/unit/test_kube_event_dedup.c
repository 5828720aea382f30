/* What is the same Event, what waits, what is dropped. Virtual time. */
#include "kube/event_dedup.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WALL 1795000000000

static const struct td_object_ref pod = {"v1", "Pod", "ns", "cdc-0", "u"};

static void add(struct td_event_dedup *dedup, const char *message, int64_t now_ms)
{
	td_event_dedup_add(dedup, &pod, "Normal", "Moved", message, now_ms, WALL + now_ms);
}

static void dedup_counts_the_same_within_ten_minutes(void **state)
{
	struct td_event_dedup dedup;
	const struct td_event_entry *entry;
	char name[254];

	(void)state;
	td_event_dedup_init(&dedup, "me");
	add(&dedup, "m", 0);
	entry = td_event_dedup_take(&dedup);
	assert_non_null(entry);
	assert_false(entry->created);
	assert_int_equal(entry->count, 1);
	assert_memory_equal(entry->name, "cdc-0.", 6);
	(void)snprintf(name, sizeof(name), "%s", entry->name);
	assert_false(td_event_dedup_answer(&dedup, TD_EVENT_WRITTEN));
	assert_null(td_event_dedup_take(&dedup));
	add(&dedup, "m", TD_EVENT_SAME_MS - 1);
	entry = td_event_dedup_take(&dedup);
	assert_true(entry->created);
	assert_int_equal(entry->count, 2);
	assert_int_equal(entry->first_wall_ms, WALL);
	assert_int_equal(entry->last_wall_ms, WALL + TD_EVENT_SAME_MS - 1);
	assert_string_equal(entry->name, name);
	assert_false(td_event_dedup_answer(&dedup, TD_EVENT_WRITTEN));
	/* Ten minutes after the last one it is a new Event. */
	add(&dedup, "m", 2 * TD_EVENT_SAME_MS - 1);
	entry = td_event_dedup_take(&dedup);
	assert_false(entry->created);
	assert_int_equal(entry->count, 1);
	assert_string_not_equal(entry->name, name);
	td_event_dedup_done(&dedup);
}

static void dedup_tells_events_apart_by_every_part(void **state)
{
	static const struct td_object_ref others[] = {{"v2", "Pod", "ns", "cdc-0", "u"}, {"v1", "Node", "ns", "cdc-0", "u"},
						      {"v1", "Pod", "n2", "cdc-0", "u"}, {"v1", "Pod", "ns", "cdc-1", "u"},
						      {"v1", "Pod", "ns", "cdc-0", "v"}, {NULL, NULL, NULL, NULL, NULL}};
	struct td_event_dedup dedup;

	(void)state;
	td_event_dedup_init(&dedup, "me");
	for (int twice = 0; twice < 2; twice++) {
		add(&dedup, "m", 0);
		add(&dedup, "n", 0);
		td_event_dedup_add(&dedup, &pod, "Warning", "Moved", "m", 0, WALL);
		td_event_dedup_add(&dedup, &pod, "Normal", "Stuck", "m", 0, WALL);
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			td_event_dedup_add(&dedup, &others[i], "Normal", "Moved", "m", 0, WALL);
		assert_int_equal(dedup.waiting, 4 + sizeof(others) / sizeof(others[0]));
		assert_int_equal(dedup.remembered, dedup.waiting);
	}
	td_event_dedup_done(&dedup);
}

static void dedup_makes_one_write_of_a_burst(void **state)
{
	struct td_event_dedup dedup;
	const struct td_event_entry *entry;

	(void)state;
	td_event_dedup_init(&dedup, "me");
	add(&dedup, "m", 0);
	entry = td_event_dedup_take(&dedup);
	for (int i = 0; i < 100; i++)
		add(&dedup, "m", i); /* while the first is being written */
	assert_null(td_event_dedup_take(&dedup));
	assert_true(td_event_dedup_answer(&dedup, TD_EVENT_WRITTEN));
	entry = td_event_dedup_take(&dedup);
	assert_true(entry->created);
	assert_int_equal(entry->count, 101);
	assert_false(td_event_dedup_answer(&dedup, TD_EVENT_WRITTEN));
	assert_int_equal(dedup.waiting, 0);
	td_event_dedup_done(&dedup);
}

static void dedup_writes_in_order_and_tries_thrice(void **state)
{
	struct td_event_dedup dedup;
	const struct td_event_entry *entry;

	(void)state;
	td_event_dedup_init(&dedup, "me");
	add(&dedup, "a", 0);
	add(&dedup, "b", 1);
	add(&dedup, "a", 2); /* keeps its turn */
	for (int try = 1; try <= TD_EVENT_TRIES; try++) {
		entry = td_event_dedup_take(&dedup);
		assert_string_equal(entry->message, "a");
		assert_int_equal(entry->count, 2);
		assert_int_equal(td_event_dedup_answer(&dedup, TD_EVENT_FAILED), try < TD_EVENT_TRIES);
	}
	entry = td_event_dedup_take(&dedup);
	assert_string_equal(entry->message, "b");
	assert_false(td_event_dedup_answer(&dedup, TD_EVENT_REFUSED));
	assert_int_equal(dedup.remembered, 0);
	td_event_dedup_done(&dedup);
}

static void dedup_creates_anew_what_the_server_forgot(void **state)
{
	struct td_event_dedup dedup;
	const struct td_event_entry *entry;
	char name[254];

	(void)state;
	td_event_dedup_init(&dedup, "me");
	add(&dedup, "m", 0);
	(void)td_event_dedup_take(&dedup);
	(void)td_event_dedup_answer(&dedup, TD_EVENT_WRITTEN);
	add(&dedup, "m", 1);
	entry = td_event_dedup_take(&dedup);
	(void)snprintf(name, sizeof(name), "%s", entry->name);
	assert_true(td_event_dedup_answer(&dedup, TD_EVENT_GONE));
	entry = td_event_dedup_take(&dedup);
	assert_false(entry->created);
	assert_int_equal(entry->count, 2);
	assert_string_not_equal(entry->name, name);
	td_event_dedup_done(&dedup);
}

static void dedup_drops_the_oldest_beyond_its_limits(void **state)
{
	struct td_event_dedup dedup;
	const struct td_event_entry *entry;
	char message[32];

	(void)state;
	td_event_dedup_init(&dedup, "me");
	for (int i = 0; i < TD_EVENT_WAITING_MAX + 10; i++) {
		(void)snprintf(message, sizeof(message), "%d", i);
		add(&dedup, message, i);
	}
	assert_int_equal(dedup.waiting, TD_EVENT_WAITING_MAX);
	assert_int_equal(dedup.dropped, 10);
	entry = td_event_dedup_take(&dedup);
	assert_string_equal(entry->message, "10");
	td_event_dedup_done(&dedup);
}

static void dedup_forgets_the_least_recent_beyond_its_limits(void **state)
{
	struct td_event_dedup dedup;
	char message[32];

	(void)state;
	td_event_dedup_init(&dedup, "me");
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(message, sizeof(message), "%d", i);
		add(&dedup, message, i);
		assert_non_null(td_event_dedup_take(&dedup));
		(void)td_event_dedup_answer(&dedup, TD_EVENT_WRITTEN);
		assert_true(dedup.remembered <= TD_EVENT_REMEMBERED_MAX);
	}
	assert_int_equal(dedup.remembered, TD_EVENT_REMEMBERED_MAX);
	assert_int_equal(dedup.dropped, 0);
	td_event_dedup_done(&dedup);
}

static void dedup_cuts_messages_at_a_character(void **state)
{
	struct td_event_dedup dedup;
	const struct td_event_entry *entry;
	char message[3000];

	(void)state;
	memset(message, 'x', sizeof(message));
	memcpy(message + TD_EVENT_MESSAGE_MAX - 1, "\xc3\xa9", 2); /* would be cut in the middle */
	message[sizeof(message) - 1] = '\0';
	td_event_dedup_init(&dedup, "me");
	add(&dedup, message, 0);
	entry = td_event_dedup_take(&dedup);
	assert_int_equal(strlen(entry->message), TD_EVENT_MESSAGE_MAX - 1);
	td_event_dedup_done(&dedup);
}

static void dedup_names_fit_and_differ(void **state)
{
	struct td_event_dedup dedup;
	char long_name[254], names[50][254];
	struct td_object_ref about = pod;

	(void)state;
	memset(long_name, 'x', sizeof(long_name));
	long_name[253] = '\0';
	about.name = long_name;
	td_event_dedup_init(&dedup, "me");
	for (int i = 0; i < 50; i++) {
		char message[32];

		(void)snprintf(message, sizeof(message), "%d", i);
		td_event_dedup_add(&dedup, &about, "Normal", "R", message, 0, WALL);
		(void)snprintf(names[i], sizeof(names[i]), "%s", td_event_dedup_take(&dedup)->name);
		(void)td_event_dedup_answer(&dedup, TD_EVENT_WRITTEN);
		assert_int_equal(strlen(names[i]), 253);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	td_event_dedup_done(&dedup);
}

/* Whatever happens, the bounds hold and the lists stay whole. */
static void dedup_keeps_its_bounds_under_anything(void **state)
{
	uint64_t seed = 99;
	struct td_random random;
	struct td_event_dedup dedup;
	int64_t now_ms = 0;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	td_random_init(&random, seed);
	td_event_dedup_init(&dedup, "me");
	for (int i = 0; i < 50000; i++) {
		size_t count = 0, waiting = 0;
		char message[32];

		now_ms += (int64_t)td_random_below(&random, 3000);
		(void)snprintf(message, sizeof(message), "%d", (int)td_random_below(&random, 400));
		if (td_random_below(&random, 3))
			add(&dedup, message, now_ms);
		else if (dedup.sending)
			(void)td_event_dedup_answer(&dedup,
						    (enum td_event_result)td_random_below(&random, TD_EVENT_RESULT_COUNT));
		else
			(void)td_event_dedup_take(&dedup);
		for (struct td_event_entry *entry = dedup.oldest; entry; entry = entry->newer) {
			count++;
			waiting += entry->waits && entry != dedup.sending;
			assert_true(!entry->newer || entry->last_ms <= entry->newer->last_ms);
		}
		assert_int_equal(count, dedup.remembered);
		assert_int_equal(waiting, dedup.waiting);
		assert_true(count <= TD_EVENT_REMEMBERED_MAX && waiting <= TD_EVENT_WAITING_MAX + 1);
	}
	td_event_dedup_done(&dedup);
	assert_int_equal(dedup.remembered, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dedup_counts_the_same_within_ten_minutes),
		cmocka_unit_test(dedup_tells_events_apart_by_every_part),
		cmocka_unit_test(dedup_makes_one_write_of_a_burst),
		cmocka_unit_test(dedup_writes_in_order_and_tries_thrice),
		cmocka_unit_test(dedup_creates_anew_what_the_server_forgot),
		cmocka_unit_test(dedup_drops_the_oldest_beyond_its_limits),
		cmocka_unit_test(dedup_forgets_the_least_recent_beyond_its_limits),
		cmocka_unit_test(dedup_cuts_messages_at_a_character),
		cmocka_unit_test(dedup_names_fit_and_differ),
		cmocka_unit_test(dedup_keeps_its_bounds_under_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
