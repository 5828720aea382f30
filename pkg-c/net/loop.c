/* The event loop, over libevent.
 *
 * A turn is one wait followed by the callbacks of everything that became ready. libevent runs turn by turn here
 * (EVLOOP_ONCE) so that the clock can be read lazily once per turn and then stay: two callbacks of a turn never disagree
 * about the time, and a deadline computed by one is not in the past for the next.
 *
 * libevent measures its timers by its own coarse clock, which can be some milliseconds behind ours. A timer therefore
 * remembers when it is due by our clock and waits on when libevent comes early: fn never runs before
 * td_loop_now_ms() >= (now when armed) + delay. Whoever compares deadlines with td_loop_now_ms may rely on it. */
#include "net/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* The longest single wait asked of libevent; longer timers go in steps. Keeps every timeval conversion in range. */
#define STEP_MS_MAX 86400000

struct signal_watch {
	struct signal_watch *next;
	struct event *event;
	td_signal_fn fn;
	void *userdata;
};

struct td_loop {
	struct event_base *base;
	struct signal_watch *signals;
	bool stop;
	bool in_turn;
	bool time_read; /* now_ms and wall_ms are this turn's */
	int64_t now_ms;
	int64_t wall_ms;
};

struct td_timer {
	struct td_loop *loop;
	struct event *event;
	int64_t due_ms;
	td_timer_fn fn;
	void *userdata;
};

struct td_loop *td_loop_new(void)
{
	struct td_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->base = event_base_new();
	if (!loop->base)
		return td_loop_free(loop);
	/* Writing to a connection that the other side has reset must be an error of that connection, not the end of the
	 * process. Neither OpenSSL nor libevent can ask for that per write. */
	(void)signal(SIGPIPE, SIG_IGN);
	return loop;
}

struct td_loop *td_loop_free(struct td_loop *loop)
{
	if (!loop)
		return NULL;
	while (loop->signals) {
		struct signal_watch *watch = loop->signals;

		loop->signals = watch->next;
		event_free(watch->event);
		free(watch);
	}
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
	return NULL;
}

void td_loop_run(struct td_loop *loop)
{
	loop->in_turn = true;
	while (!loop->stop) {
		loop->time_read = false;
		if (event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			break; /* the kernel's poll itself fails: nothing can be waited for any more */
	}
	loop->in_turn = false;
	loop->stop = false;
}

void td_loop_stop(struct td_loop *loop)
{
	loop->stop = true;
	(void)event_base_loopbreak(loop->base);
}

static int64_t clock_ms(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + (int64_t)ts.tv_nsec / 1000000;
}

/* Outside of a turn (while the program is being put together) there is nothing to agree with: always fresh. */
static void read_time(struct td_loop *loop)
{
	if (loop->in_turn && loop->time_read)
		return;
	loop->now_ms = clock_ms(CLOCK_MONOTONIC);
	loop->wall_ms = clock_ms(CLOCK_REALTIME);
	loop->time_read = true;
}

int64_t td_loop_now_ms(struct td_loop *loop)
{
	read_time(loop);
	return loop->now_ms;
}

int64_t td_loop_wall_ms(struct td_loop *loop)
{
	read_time(loop);
	return loop->wall_ms;
}

struct event_base *td_loop_event_base(struct td_loop *loop)
{
	return loop->base;
}

static void wait_on(struct td_timer *timer)
{
	int64_t left = timer->due_ms - td_loop_now_ms(timer->loop);
	struct timeval tv;

	if (left < 0)
		left = 0;
	if (left > STEP_MS_MAX)
		left = STEP_MS_MAX;
	tv = (struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
	if (evtimer_add(timer->event, &tv) < 0)
		abort(); /* out of memory: a deadline that silently never comes is worse than a restart */
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
	struct td_timer *timer = userdata;

	(void)fd;
	(void)what;
	if (td_loop_now_ms(timer->loop) < timer->due_ms)
		wait_on(timer);
	else
		timer->fn(timer->userdata);
}

struct td_timer *td_timer_new(struct td_loop *loop, td_timer_fn fn, void *userdata)
{
	struct td_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	*timer = (struct td_timer){.loop = loop, .fn = fn, .userdata = userdata};
	timer->event = evtimer_new(loop->base, on_timer, timer);
	return timer->event ? timer : td_timer_free(timer);
}

struct td_timer *td_timer_free(struct td_timer *timer)
{
	if (!timer)
		return NULL;
	if (timer->event)
		event_free(timer->event);
	free(timer);
	return NULL;
}

void td_timer_arm(struct td_timer *timer, int64_t delay_ms)
{
	int64_t now = td_loop_now_ms(timer->loop);

	if (delay_ms < 0)
		delay_ms = 0;
	timer->due_ms = delay_ms > INT64_MAX - now ? INT64_MAX : now + delay_ms;
	wait_on(timer);
}

void td_timer_disarm(struct td_timer *timer)
{
	(void)evtimer_del(timer->event);
}

static void on_signal(evutil_socket_t signo, short what, void *userdata)
{
	const struct signal_watch *watch = userdata;

	(void)what;
	watch->fn((int)signo, watch->userdata);
}

bool td_loop_on_signal(struct td_loop *loop, int signo, td_signal_fn fn, void *userdata)
{
	struct signal_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return false;
	*watch = (struct signal_watch){.next = loop->signals, .fn = fn, .userdata = userdata};
	watch->event = evsignal_new(loop->base, signo, on_signal, watch);
	if (!watch->event || evsignal_add(watch->event, NULL) < 0) {
		if (watch->event)
			event_free(watch->event);
		free(watch);
		return false;
	}
	loop->signals = watch;
	return true;
}
