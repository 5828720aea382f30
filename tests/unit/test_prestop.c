/* The real preStop hook, run as the kubelet runs it, against a socket that the test serves. It never exits 0 without a line that
 * begins with "open ". Every wait is a poll with a limit. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 20000
#define QUIET_MS 150 /* in which a hook that should go on waiting would have ended */

struct bench {
	char hook[PATH_MAX];
	char dir[64], path[96];
	int listener; /* -1: nobody listens */
	int peer;     /* the hook's connection; -1: none */
	pid_t pid;    /* 0: not running */
	int out;      /* what the hook says, both streams */
	char said[65536];
	size_t said_len;
};

static int64_t wall_ms(void)
{
	struct timespec now;

	assert_return_code(clock_gettime(CLOCK_REALTIME, &now), errno);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_ready(int fd, int ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int got = poll(&ready, 1, ms);

	assert_return_code(got, errno);
	return got > 0;
}

static void await(int fd)
{
	if (!is_ready(fd, LIMIT_MS))
		fail_msg("hung");
}

static void serve(struct bench *bench)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, bench->path);
	bench->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(bench->listener, (struct sockaddr *)&address, sizeof(address)), errno);
	assert_return_code(listen(bench->listener, 4), errno);
}

static void hang_up(struct bench *bench)
{
	if (bench->peer >= 0)
		close(bench->peer);
	bench->peer = -1;
}

static void go_away(struct bench *bench)
{
	hang_up(bench);
	if (bench->listener >= 0)
		close(bench->listener);
	bench->listener = -1;
	(void)unlink(bench->path);
}

/* argv[0] is filled in. */
static void run(struct bench *bench, const char **argv)
{
	posix_spawn_file_actions_t actions;
	int out[2];

	assert_return_code(pipe(out), errno);
	argv[0] = bench->hook;
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 1), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 2), 0);
	assert_int_equal(posix_spawn_file_actions_addclose(&actions, out[0]), 0);
	assert_int_equal(posix_spawn_file_actions_addclose(&actions, out[1]), 0);
	assert_int_equal(posix_spawn(&bench->pid, bench->hook, &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
	assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
	close(out[1]);
	bench->out = out[0];
	bench->said_len = 0;
	bench->said[0] = '\0';
}

static void run_at_socket(struct bench *bench)
{
	run(bench, (const char *[]){NULL, "--socket", bench->path, NULL});
}

/* Accepts the hook and hears its "wait". */
static void welcome(struct bench *bench)
{
	char line[6] = "";

	await(bench->listener);
	bench->peer = accept4(bench->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_return_code(bench->peer, errno);
	await(bench->peer);
	assert_int_equal(recv(bench->peer, line, 5, MSG_WAITALL), 5);
	assert_string_equal(line, "wait\n");
}

static void tell_bytes(struct bench *bench, const char *bytes, size_t len)
{
	assert_int_equal(send(bench->peer, bytes, len, MSG_NOSIGNAL), len);
}

static void tell(struct bench *bench, const char *text)
{
	tell_bytes(bench, text, strlen(text));
}

static void tell_deadline(struct bench *bench, int64_t in_ms)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "progress %lld soon\n", (long long)(wall_ms() + in_ms));
	tell(bench, line);
}

/* One more piece of what the hook says. False at its end. */
static bool listen_once(struct bench *bench)
{
	ssize_t got;

	await(bench->out);
	got = read(bench->out, bench->said + bench->said_len, sizeof(bench->said) - 1 - bench->said_len);
	assert_return_code(got, errno);
	bench->said_len += (size_t)got;
	bench->said[bench->said_len] = '\0';
	return got > 0;
}

static void await_said(struct bench *bench, const char *text)
{
	while (!strstr(bench->said, text))
		if (!listen_once(bench))
			fail_msg("the hook ended without \"%s\": %s", text, bench->said);
}

/* Status of the hook's exit; a signal is 128 and its number. */
static int await_exit(struct bench *bench)
{
	int status;

	while (listen_once(bench)) {
	}
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	bench->pid = 0;
	close(bench->out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* It ends only by itself: its standard output stays open. */
static void assert_still_waiting(struct bench *bench)
{
	int64_t until = wall_ms() + QUIET_MS;

	while (wall_ms() < until)
		if (is_ready(bench->out, QUIET_MS) && !listen_once(bench))
			fail_msg("the hook ended: %s", bench->said);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	ssize_t len = readlink("/proc/self/exe", bench->hook, sizeof(bench->hook) - 1);

	*state = bench;
	assert_true(len > 0);
	*strrchr(bench->hook, '/') = '\0';
	assert_true(strlen(bench->hook) + 32 < sizeof(bench->hook));
	strcat(bench->hook, "/../ticdc-drain-prestop");
	if (access(bench->hook, X_OK) != 0)
		fail_msg("%s is not built: make all", bench->hook);
	strcpy(bench->dir, "/tmp/td-prestop-XXXXXX");
	assert_non_null(mkdtemp(bench->dir));
	(void)snprintf(bench->path, sizeof(bench->path), "%s/gate.sock", bench->dir);
	bench->listener = bench->peer = -1;
	serve(bench);
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	if (bench->pid) {
		(void)kill(bench->pid, SIGKILL);
		(void)waitpid(bench->pid, NULL, 0);
		close(bench->out);
	}
	go_away(bench);
	assert_return_code(rmdir(bench->dir), errno);
	free(bench);
	return 0;
}

static void open_ends_it_with_0(void **state)
{
	struct bench *bench = *state;

	run_at_socket(bench);
	welcome(bench);
	tell(bench, "progress 0 Draining: 1 of 3\n");
	await_said(bench, "ticdc-drain-prestop: Draining: 1 of 3\n");
	tell(bench, "open Drained proven empty\n");
	assert_int_equal(await_exit(bench), 0);
	assert_non_null(strstr(bench->said, "open Drained proven empty\n"));
}

static void lines_are_understood_at_any_split(void **state)
{
	static const char text[] = "progress 0 x\nopen Drained y\n";
	struct bench *bench = *state;

	for (size_t split = 1; split < strlen(text); split += 3) {
		run_at_socket(bench);
		welcome(bench);
		tell_bytes(bench, text, split);
		if (split >= 13)
			await_said(bench, ": x\n");
		tell(bench, text + split);
		assert_int_equal(await_exit(bench), 0);
		hang_up(bench);
	}
}

static void garbage_is_never_open(void **state)
{
	static const char *const garbage[] = {
		"\n",
		"open\n",
		"opened Drained x\n",
		"Open Drained x\n",
		" open Drained x\n",
		"HTTP/1.1 200 open \n",
		"progress\n",
		"progress open Drained x\n",
		"progress -1 open Drained x\n",
		"progress 5x open Drained x\n", /* and no deadline in 1970 either */
		"progress 5open Drained x\n",
	};
	struct bench *bench = *state;

	run_at_socket(bench);
	welcome(bench);
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
		tell(bench, garbage[i]);
	tell(bench, "progress 0 still here\n");
	await_said(bench, ": still here\n");
	assert_still_waiting(bench);
	assert_null(strstr(bench->said, "open "));
}

static void half_a_line_at_the_end_of_a_connection_is_not_open(void **state)
{
	struct bench *bench = *state;

	run_at_socket(bench);
	welcome(bench);
	tell(bench, "open Drained");
	hang_up(bench);
	welcome(bench); /* it connects again */
	tell(bench, " x\n");
	assert_still_waiting(bench);
	tell(bench, "open Drained x\n");
	assert_int_equal(await_exit(bench), 0);
}

static void server_that_goes_away_is_waited_for(void **state)
{
	struct bench *bench = *state;

	run_at_socket(bench);
	welcome(bench);
	tell(bench, "progress 0 Draining\n");
	await_said(bench, ": Draining\n");
	go_away(bench);
	await_said(bench, "does not answer");
	assert_still_waiting(bench);
	serve(bench);
	welcome(bench);
	tell(bench, "open Drained x\n");
	assert_int_equal(await_exit(bench), 0);
}

static void server_that_comes_late_is_waited_for(void **state)
{
	struct bench *bench = *state;

	go_away(bench);
	run_at_socket(bench);
	await_said(bench, "does not answer");
	assert_non_null(strstr(bench->said, bench->path));
	serve(bench);
	welcome(bench);
	tell(bench, "open Drained x\n");
	assert_int_equal(await_exit(bench), 0);
}

static void passed_deadline_ends_it_with_1(void **state)
{
	struct bench *bench = *state;

	run_at_socket(bench);
	welcome(bench);
	tell_deadline(bench, 200);
	assert_int_equal(await_exit(bench), 1);
	assert_non_null(strstr(bench->said, "deadline passed"));
	assert_non_null(strstr(bench->said, bench->path));
	assert_null(strstr(bench->said, "open "));
}

static void deadline_holds_when_the_server_is_gone(void **state)
{
	struct bench *bench = *state;

	run_at_socket(bench);
	welcome(bench);
	tell_deadline(bench, 400);
	await_said(bench, ": soon\n");
	go_away(bench);
	assert_int_equal(await_exit(bench), 1);
}

static void last_deadline_told_is_the_one_that_counts(void **state)
{
	struct bench *bench = *state;

	run_at_socket(bench);
	welcome(bench);
	tell_deadline(bench, 100000);
	await_said(bench, ": soon\n");
	tell_deadline(bench, 100);
	assert_int_equal(await_exit(bench), 1);
	hang_up(bench);

	run_at_socket(bench);
	welcome(bench);
	tell_deadline(bench, 60000);
	tell(bench, "progress 0 held\n");
	await_said(bench, ": held\n");
	assert_still_waiting(bench);
	tell(bench, "progress 99999999999999999999 far away\n");
	await_said(bench, ": far away\n");
	assert_still_waiting(bench);
}

static void too_long_line_is_dropped_with_its_connection(void **state)
{
	struct bench *bench = *state;
	char line[8192];

	memset(line, 'x', sizeof(line));
	run_at_socket(bench);
	welcome(bench);
	tell_bytes(bench, line, 4095);
	tell(bench, "\nprogress 0 that was the longest\n"); /* 4096 with its end */
	await_said(bench, "the longest");
	memcpy(line, "open ", 5);
	(void)send(bench->peer, line, sizeof(line), MSG_NOSIGNAL);
	await(bench->peer); /* hung up by the hook */
	hang_up(bench);
	welcome(bench);
	tell(bench, "progress 0 back again\n");
	await_said(bench, "back again");
	assert_still_waiting(bench);
	assert_null(strstr(bench->said, "open "));
}

/* Whoever collected its words is gone, for example with a restart of the container runtime. */
static void hook_that_nobody_listens_to_waits_all_the_same(void **state)
{
	struct bench *bench = *state;
	int status;

	run_at_socket(bench);
	welcome(bench);
	close(bench->out);
	tell(bench, "progress 0 one\n");
	tell(bench, "progress 0 two\n");
	tell(bench, "open Drained x\n");
	await(bench->peer); /* the hook closes its side when it ends */
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	bench->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void help_and_version_do_not_wait(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 2; i++) {
		run(bench, (const char *[]){NULL, i ? "-h" : "--help", NULL});
		assert_int_equal(await_exit(bench), 0);
		assert_non_null(strstr(bench->said, "Waits at the gate"));
		assert_non_null(strstr(bench->said, "0 the gate opened, 1 the deadline passed without it, 2 bad usage"));
	}
	run(bench, (const char *[]){NULL, "--version", NULL});
	assert_int_equal(await_exit(bench), 0);
	assert_memory_equal(bench->said, "ticdc-drain-prestop ", 20);
}

static void bad_usage_is_2(void **state)
{
	struct bench *bench = *state;
	char longest[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	memset(longest, 'p', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	run(bench, (const char *[]){NULL, "--socket", NULL});
	assert_int_equal(await_exit(bench), 2);
	assert_non_null(strstr(bench->said, "usage: ticdc-drain-prestop"));
	run(bench, (const char *[]){NULL, "--nonsense", NULL});
	assert_int_equal(await_exit(bench), 2);
	run(bench, (const char *[]){NULL, "--socket", bench->path, "more", NULL});
	assert_int_equal(await_exit(bench), 2);
	run(bench, (const char *[]){NULL, "--socket", longest, NULL});
	assert_int_equal(await_exit(bench), 2);
	assert_non_null(strstr(bench->said, "too long"));
}

#define hook_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		hook_test(open_ends_it_with_0),
		hook_test(lines_are_understood_at_any_split),
		hook_test(garbage_is_never_open),
		hook_test(half_a_line_at_the_end_of_a_connection_is_not_open),
		hook_test(server_that_goes_away_is_waited_for),
		hook_test(server_that_comes_late_is_waited_for),
		hook_test(passed_deadline_ends_it_with_1),
		hook_test(deadline_holds_when_the_server_is_gone),
		hook_test(last_deadline_told_is_the_one_that_counts),
		hook_test(too_long_line_is_dropped_with_its_connection),
		hook_test(hook_that_nobody_listens_to_waits_all_the_same),
		hook_test(help_and_version_do_not_wait),
		hook_test(bad_usage_is_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
