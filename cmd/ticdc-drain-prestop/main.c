/* ticdc-drain-prestop: TiCDC's preStop hook. It waits at the sidecar's gate and ends when the gate opens, or when the deadline that
 * it was last told has passed. Run by the kubelet inside TiCDC's container: one static file, no dependency, no memory but
 * its stack. It may run twice, and it may outlive the sidecar: a lost connection is never taken for "open".
 *
 * Protocol: pkg-c/sidecar/gate.h. Exit status: 0 the gate opened, 1 the deadline passed without it, 2 bad usage. The kubelet
 * goes on with SIGTERM in each case; the status only makes the difference visible in an event. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef TD_VERSION
#define TD_VERSION "unknown"
#endif

#define RETRY_MS 250
#define LINE_MAX_BYTES 4096

struct wait {
	const char *path;
	int64_t deadline_ms; /* unix ms; 0: not told yet */
	char buffer[LINE_MAX_BYTES];
	size_t used;
	bool open;
};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t left_ms(const struct wait *wait)
{
	return wait->deadline_ms ? wait->deadline_ms - now_ms() : INT64_MAX;
}

static void say(const char *text)
{
	printf("ticdc-drain-prestop: %s\n", text);
	(void)fflush(stdout);
}

/* With the socket's path: a wrong mount is the commonest cause of a hook that waits in vain. */
static void say_at(const struct wait *wait, const char *what)
{
	printf("ticdc-drain-prestop: %s: %s\n", wait->path, what);
	(void)fflush(stdout);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && send(fd, "wait\n", 5, MSG_NOSIGNAL) == 5)
		return fd;
	(void)close(fd);
	return -1;
}

/* progress <deadline> <text> | open <Outcome> <text>. Anything else is ignored: it is not "open". */
static void handle(struct wait *wait, char *line)
{
	if (strncmp(line, "open ", 5) == 0) {
		wait->open = true;
		say(line);
	} else if (strncmp(line, "progress ", 9) == 0) {
		char *end = NULL;
		long long deadline = strtoll(line + 9, &end, 10);

		if (end == line + 9 || deadline < 0 || (*end != ' ' && *end != '\0'))
			return;
		wait->deadline_ms = deadline;
		say(*end == ' ' ? end + 1 : end);
	}
}

/* Takes whole lines out of the buffer. False when a line is longer than any the sidecar writes. */
static bool take_lines(struct wait *wait)
{
	char *newline;

	while ((newline = memchr(wait->buffer, '\n', wait->used)) != NULL) {
		size_t len = (size_t)(newline - wait->buffer) + 1;

		*newline = '\0';
		handle(wait, wait->buffer);
		memmove(wait->buffer, wait->buffer + len, wait->used - len);
		wait->used -= len;
	}
	return wait->used < sizeof(wait->buffer);
}

/* Reads until the gate opens, the connection ends, or the deadline passes. */
static void listen_to(struct wait *wait, int fd)
{
	wait->used = 0;
	while (!wait->open && left_ms(wait) > 0) {
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		int64_t left = left_ms(wait);
		int ready = poll(&readable, 1, left > 1000 ? 1000 : (int)left);
		ssize_t got;

		if (ready < 0 && errno != EINTR)
			return;
		if (ready <= 0)
			continue;
		got = recv(fd, wait->buffer + wait->used, sizeof(wait->buffer) - wait->used, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		wait->used += (size_t)got;
		if (!take_lines(wait))
			return;
	}
}

static void pause_ms(int64_t ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};

	(void)nanosleep(&time, NULL);
}

static int wait_at_gate(struct wait *wait)
{
	bool told = false;

	while (left_ms(wait) > 0) {
		int fd = connect_to(wait->path);

		if (fd >= 0) {
			told = false;
			listen_to(wait, fd);
			(void)close(fd);
		}
		if (wait->open)
			return 0;
		if (!told)
			say_at(wait, "the sidecar does not answer; waiting for it (the gate is not open)");
		told = true;
		pause_ms(left_ms(wait) < RETRY_MS ? left_ms(wait) : RETRY_MS);
	}
	say_at(wait, "the deadline passed and the gate did not open");
	return 1;
}

static void print_help(void)
{
	puts("usage: ticdc-drain-prestop [--socket PATH] [--version]   (default /var/run/ticdc-drain/gate.sock)\n"
	     "Waits at the gate of the pod's ticdc-drain sidecar until TiCDC's capture is proven empty, or policy lets the "
	     "pod stop.\n"
	     "A sidecar that does not answer is waited for: until the last deadline that it told, or else the kubelet's "
	     "grace period.\n"
	     "Exit status: 0 the gate opened, 1 the deadline passed without it, 2 bad usage.");
}

/* -1: go on and wait. */
static int read_arguments(struct wait *wait, int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		print_help();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("ticdc-drain-prestop " TD_VERSION);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "--socket") == 0) {
		wait->path = argv[2];
	} else if (argc != 1) {
		(void)fprintf(stderr, "usage: ticdc-drain-prestop [--socket PATH]   (default %s); see --help\n", wait->path);
		return 2;
	}
	if (strlen(wait->path) < sizeof(((struct sockaddr_un *)0)->sun_path))
		return -1;
	(void)fprintf(stderr, "ticdc-drain-prestop: --socket: \"%s\" is too long for a unix socket\n", wait->path);
	return 2;
}

int main(int argc, char **argv)
{
	struct wait wait = {.path = "/var/run/ticdc-drain/gate.sock"};
	int status;

	(void)signal(SIGPIPE, SIG_IGN); /* that nobody hears what we say is no reason to let the pod go */
	status = read_arguments(&wait, argc, argv);
	return status >= 0 ? status : wait_at_gate(&wait);
}
