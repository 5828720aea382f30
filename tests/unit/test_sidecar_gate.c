/* The gate over a real unix socket: hooks are told what they must know, and nobody passes before it opens. */
#include "sidecar/gate.h"

#include "net_fixture.h"

#include <sys/un.h>

#define HOOKS 17

struct gatehouse;

struct hook {
	struct gatehouse *house;
	int fd; /* -1: none */
	struct event *readable;
	struct td_buf heard;
	bool closed;
};

struct gatehouse {
	struct rig rig;
	struct td_gate *gate;
	char dir[64], path[96];
	struct td_buf calls; /* of waiting: '+' and '-' */
	struct hook hooks[HOOKS];

	const struct hook *watched; /* NULL: calls is watched */
	const char *wanted;	    /* NULL: the end of the connection */
};

/* Stops the loop when what is wanted has come. */
static bool has_come(const struct gatehouse *house)
{
	if (!house->wanted)
		return house->watched->closed;
	return strcmp(td_buf_text(house->watched ? &house->watched->heard : &house->calls), house->wanted) == 0;
}

static void check(struct gatehouse *house)
{
	if (has_come(house))
		td_loop_stop(house->rig.loop);
}

static void on_waiting(bool anybody, void *userdata)
{
	struct gatehouse *house = userdata;

	assert_true(td_buf_append_text(&house->calls, anybody ? "+" : "-"));
	check(house);
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
	struct hook *hook = userdata;
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

	(void)what;
	if (got > 0) {
		assert_true(td_buf_append(&hook->heard, bytes, (size_t)got));
	} else {
		hook->closed = true;
		event_del(hook->readable);
	}
	check(hook->house);
}

static struct hook *come(struct gatehouse *house, int index, const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct hook *hook = &house->hooks[index];

	*hook = (struct hook){.house = house, .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	td_buf_init(&hook->heard, 1 << 20);
	strcpy(address.sun_path, house->path);
	assert_return_code(connect(hook->fd, (struct sockaddr *)&address, sizeof(address)), errno);
	evutil_make_socket_nonblocking(hook->fd);
	hook->readable = event_new(td_loop_event_base(house->rig.loop), hook->fd, EV_READ | EV_PERSIST, on_readable, hook);
	event_add(hook->readable, NULL);
	assert_int_equal(send(hook->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	return hook;
}

static void go(struct hook *hook)
{
	if (hook->fd < 0)
		return;
	event_free(hook->readable);
	close(hook->fd);
	td_buf_done(&hook->heard);
	hook->fd = -1;
}

static void run_until(struct gatehouse *house, const struct hook *watched, const char *wanted)
{
	house->watched = watched;
	house->wanted = wanted;
	if (!has_come(house))
		rig_run(&house->rig);
}

/* All that the hook ever heard, whole. */
static void hears(struct hook *hook, const char *all)
{
	run_until(hook->house, hook, all);
}

static void is_let_go(struct hook *hook)
{
	run_until(hook->house, hook, NULL);
}

static void waiting_was_told(struct gatehouse *house, const char *calls)
{
	run_until(house, NULL, calls);
}

static int setup(void **state)
{
	struct gatehouse *house = calloc(1, sizeof(*house));
	struct td_error err;

	*state = house;
	rig_init(&house->rig);
	td_buf_init(&house->calls, 1000);
	strcpy(house->dir, "/tmp/td-gate-XXXXXX");
	assert_non_null(mkdtemp(house->dir));
	snprintf(house->path, sizeof(house->path), "%s/gate.sock", house->dir);
	for (int i = 0; i < HOOKS; i++)
		house->hooks[i].fd = -1;
	house->gate = td_gate_new(house->rig.loop, house->path, on_waiting, house, &err);
	assert_non_null(house->gate);
	return 0;
}

static int teardown(void **state)
{
	struct gatehouse *house = *state;

	for (int i = 0; i < HOOKS; i++)
		go(&house->hooks[i]);
	assert_null(td_gate_free(house->gate));
	td_buf_done(&house->calls);
	rig_done(&house->rig);
	assert_return_code(rmdir(house->dir), errno);
	free(house);
	return 0;
}

static void hook_that_waits_is_told_progress(void **state)
{
	struct gatehouse *house = *state;
	struct hook *hook = come(house, 0, "wait\n");

	waiting_was_told(house, "+");
	assert_true(td_gate_is_waited_at(house->gate));
	td_gate_progress(house->gate, 1790000000000, "Draining: 1 of 3");
	td_gate_progress(house->gate, 1790000000000, "Draining: 1 of 3"); /* heard already */
	td_gate_progress(house->gate, 0, "Draining: 2 of 3");
	hears(hook, "progress 1790000000000 Draining: 1 of 3\nprogress 0 Draining: 2 of 3\n");
	assert_false(td_gate_is_open(house->gate));
	assert_false(hook->closed);
}

static void later_hook_hears_the_last_word_only(void **state)
{
	struct gatehouse *house = *state;

	td_gate_progress(house->gate, 5, "one");
	td_gate_progress(house->gate, 6, "two");
	hears(come(house, 0, "wait\n"), "progress 6 two\n");
	hears(come(house, 1, "wait\n"), "progress 6 two\n");
	waiting_was_told(house, "++");
	assert_string_equal(td_buf_text(&house->hooks[0].heard), "progress 6 two\n");
}

static void hook_that_says_nothing_is_told_nothing(void **state)
{
	struct gatehouse *house = *state;
	struct hook *silent = come(house, 0, "wait");

	td_gate_progress(house->gate, 5, "one");
	hears(come(house, 1, "wait\n"), "progress 5 one\n");
	td_gate_progress(house->gate, 6, "two");
	hears(&house->hooks[1], "progress 5 one\nprogress 6 two\n");
	assert_int_equal(silent->heard.len, 0);
	assert_string_equal(td_buf_text(&house->calls), "+");
}

static void wait_said_twice_counts_once(void **state)
{
	struct gatehouse *house = *state;
	struct hook *hook = come(house, 0, "wait\nwait\n");

	td_gate_progress(house->gate, 5, "one");
	hears(hook, "progress 5 one\n");
	go(hook);
	waiting_was_told(house, "+-");
	assert_false(td_gate_is_waited_at(house->gate));
}

static void open_reaches_all_and_latecomers(void **state)
{
	struct gatehouse *house = *state;

	td_gate_progress(house->gate, 5, "one");
	for (int i = 0; i < 3; i++)
		hears(come(house, i, "wait\n"), "progress 5 one\n");
	td_gate_open(house->gate, "Drained", "proven empty");
	td_gate_open(house->gate, "TimedOut", "too late to say so");
	td_gate_progress(house->gate, 7, "too late to say so");
	td_gate_dismiss(house->gate, "NotTerminating", "too late to say so");
	for (int i = 0; i < 3; i++) {
		is_let_go(&house->hooks[i]);
		assert_string_equal(td_buf_text(&house->hooks[i].heard), "progress 5 one\nopen Drained proven empty\n");
	}
	is_let_go(come(house, 3, "wait\n"));
	assert_string_equal(td_buf_text(&house->hooks[3].heard), "open Drained proven empty\n");
	assert_true(td_gate_is_open(house->gate));
	assert_string_equal(td_buf_text(&house->calls), "+++"); /* nobody waited in vain */
}

static void garbage_closes_the_connection_without_a_word(void **state)
{
	static const char *const garbage[] = {"WAIT\n", "wait \n", "\n", "open Drained x\n", "progress 1 x\n", "waitwait\n"};
	struct gatehouse *house = *state;

	td_gate_progress(house->gate, 5, "one");
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct hook *hook = come(house, 0, garbage[i]);

		is_let_go(hook);
		assert_int_equal(hook->heard.len, 0);
		go(hook);
	}
	assert_int_equal(house->calls.len, 0);
	assert_false(td_gate_is_open(house->gate));
}

static void dismissed_hooks_go_and_the_gate_stays_shut(void **state)
{
	struct gatehouse *house = *state;

	td_gate_progress(house->gate, 0, "asking");
	hears(come(house, 0, "wait\n"), "progress 0 asking\n");
	hears(come(house, 1, "wait\n"), "progress 0 asking\n");
	td_gate_dismiss(house->gate, "NotTerminating", "a restart");
	for (int i = 0; i < 2; i++) {
		is_let_go(&house->hooks[i]);
		assert_string_equal(td_buf_text(&house->hooks[i].heard),
				    "progress 0 asking\nopen NotTerminating a restart\n");
	}
	assert_false(td_gate_is_open(house->gate));
	assert_false(td_gate_is_waited_at(house->gate));

	/* The next one hears nothing of the past. */
	(void)come(house, 2, "wait\n");
	waiting_was_told(house, "+++");
	assert_true(td_gate_is_waited_at(house->gate));
	td_gate_progress(house->gate, 9, "Draining");
	hears(&house->hooks[2], "progress 9 Draining\n");
	assert_false(house->hooks[2].closed);
}

static void waiting_ends_with_the_last_hook(void **state)
{
	struct gatehouse *house = *state;

	(void)come(house, 0, "wait\n");
	waiting_was_told(house, "+");
	(void)come(house, 1, "wait\n");
	waiting_was_told(house, "++");
	go(&house->hooks[0]);
	td_gate_progress(house->gate, 5, "one");
	hears(&house->hooks[1], "progress 5 one\n");
	assert_true(td_gate_is_waited_at(house->gate));
	go(&house->hooks[1]);
	waiting_was_told(house, "++-");
	assert_false(td_gate_is_waited_at(house->gate));
	(void)come(house, 0, "wait\n");
	waiting_was_told(house, "++-+");
}

static void seventeenth_hook_is_refused(void **state)
{
	struct gatehouse *house = *state;

	td_gate_progress(house->gate, 5, "one");
	for (int i = 0; i < 16; i++)
		hears(come(house, i, "wait\n"), "progress 5 one\n");
	is_let_go(come(house, 16, "wait\n"));
	assert_int_equal(house->hooks[16].heard.len, 0);
	for (int i = 0; i < 16; i++)
		assert_false(house->hooks[i].closed);
}

/* Messages come from TiCDC and from objects: none of them may speak for the sidecar. */
static void text_with_line_breaks_is_one_line(void **state)
{
	struct gatehouse *house = *state;
	struct hook *hook = come(house, 0, "wait\n");

	waiting_was_told(house, "+");
	td_gate_progress(house->gate, 5, "odd answer:\nopen Drained ha\r\nopen Drained ha");
	hears(hook, "progress 5 odd answer: open Drained ha  open Drained ha\n");
	td_gate_open(house->gate, "TimedOut", "left:\n3");
	is_let_go(hook);
	assert_string_equal(td_buf_text(&hook->heard),
			    "progress 5 odd answer: open Drained ha  open Drained ha\nopen TimedOut left: 3\n");
}

static void long_text_is_cut_and_still_a_line(void **state)
{
	struct gatehouse *house = *state;
	struct hook *hook = come(house, 0, "wait\n");
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	waiting_was_told(house, "+");
	td_gate_progress(house->gate, 5, text);
	td_gate_open(house->gate, "Drained", text);
	is_let_go(hook);
	assert_memory_equal(td_buf_text(&hook->heard), "progress 5 xxx", 14);
	assert_non_null(strstr(td_buf_text(&hook->heard), "x\nopen Drained xxx"));
	assert_true(hook->heard.len < 4096);
	assert_int_equal(hook->heard.data[hook->heard.len - 1], '\n');
}

static void error_names_the_socket(void **state)
{
	struct gatehouse *house = *state;
	struct td_error err;

	assert_null(td_gate_new(house->rig.loop, "/nonexistent/gate.sock", on_waiting, house, &err));
	assert_non_null(strstr(err.text, "gate socket /nonexistent/gate.sock"));
	assert_null(td_gate_new(house->rig.loop, house->path, on_waiting, house, &err));
	assert_non_null(strstr(err.text, "in use"));
}

#define gate_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		gate_test(hook_that_waits_is_told_progress),
		gate_test(later_hook_hears_the_last_word_only),
		gate_test(hook_that_says_nothing_is_told_nothing),
		gate_test(wait_said_twice_counts_once),
		gate_test(open_reaches_all_and_latecomers),
		gate_test(garbage_closes_the_connection_without_a_word),
		gate_test(dismissed_hooks_go_and_the_gate_stays_shut),
		gate_test(waiting_ends_with_the_last_hook),
		gate_test(seventeenth_hook_is_refused),
		gate_test(text_with_line_breaks_is_one_line),
		gate_test(long_text_is_cut_and_still_a_line),
		gate_test(error_names_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
