/* The event loop: the only place that waits and, with its clock, the only place that knows the time. One thread.
 * Callbacks may free or re-arm what called them. Time: one read per turn, so that everything in a turn agrees. */
#ifndef TD_NET_LOOP_H
#define TD_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct td_loop;
struct td_timer;
struct event_base;

struct td_loop *td_loop_new(void);		    /* NULL: out of memory */
struct td_loop *td_loop_free(struct td_loop *loop); /* returns NULL; everything made on it must be gone */

/* Runs until td_loop_stop. */
void td_loop_run(struct td_loop *loop);
void td_loop_stop(struct td_loop *loop);

int64_t td_loop_now_ms(struct td_loop *loop);  /* monotonic */
int64_t td_loop_wall_ms(struct td_loop *loop); /* unix time; may jump: only for showing and for deadlines given as dates */

struct event_base *td_loop_event_base(struct td_loop *loop); /* for net/ alone */

typedef void (*td_timer_fn)(void *userdata);

/* A one-shot timer, not armed. NULL: out of memory. */
struct td_timer *td_timer_new(struct td_loop *loop, td_timer_fn fn, void *userdata);
struct td_timer *td_timer_free(struct td_timer *timer);	     /* NULL is fine; returns NULL */
void td_timer_arm(struct td_timer *timer, int64_t delay_ms); /* replaces an earlier arming; 0 or less: next turn */
void td_timer_disarm(struct td_timer *timer);

typedef void (*td_signal_fn)(int signo, void *userdata);

/* Calls fn in the loop on each signo, until the loop is freed. False: out of memory. */
bool td_loop_on_signal(struct td_loop *loop, int signo, td_signal_fn fn, void *userdata);

#endif
