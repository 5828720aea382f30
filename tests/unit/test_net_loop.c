/* The loop: when timers fire, what callbacks may do to what called them, and that a turn has one time. */
#include "net_fixture.h"

#include <signal.h>
#include <time.h>

#define TIMERS 5

struct fired {
	struct rig *rig;
	struct td_timer *timer;
	int id, count;
	int64_t at_ms;
	int *order; /* grows by one id per firing; -1 ends it */
};

static void note(struct fired *fired)
{
	fired->count++;
	fired->at_ms = td_loop_now_ms(fired->rig->loop);
	if (fired->order) {
		while (*fired->order >= 0)
			fired->order++;
		*fired->order = fired->id;
	}
}

static void on_fire(void *userdata)
{
	note(userdata);
}

static void on_fire_stop(void *userdata)
{
	struct fired *fired = userdata;

	note(fired);
	td_loop_stop(fired->rig->loop);
}

static void timers_fire_in_order_and_never_early(void **state)
{
	static const int delays[TIMERS] = {30, 5, 60, 0, 17};
	static const int expected[TIMERS] = {3, 1, 4, 0, 2};
	int order[TIMERS + 1] = {-1, -1, -1, -1, -1, -1};
	struct fired fired[TIMERS];
	struct rig rig;
	int64_t start;

	(void)state;
	rig_init(&rig);
	start = td_loop_now_ms(rig.loop);
	for (int i = 0; i < TIMERS; i++) {
		fired[i] = (struct fired){.rig = &rig, .id = i, .order = order};
		fired[i].timer = td_timer_new(rig.loop, i == 2 ? on_fire_stop : on_fire, &fired[i]);
		td_timer_arm(fired[i].timer, delays[i]);
	}
	rig_run(&rig);
	assert_memory_equal(order, expected, sizeof(expected));
	for (int i = 0; i < TIMERS; i++) {
		assert_true(fired[i].at_ms >= start + delays[i]);
		td_timer_free(fired[i].timer);
	}
	rig_done(&rig);
}

static void timer_is_never_early_over_many_short_delays(void **state)
{
	struct fired fired = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	fired.rig = &rig;
	fired.timer = td_timer_new(rig.loop, on_fire_stop, &fired);
	for (int i = 0; i < 100; i++) {
		int64_t due = td_loop_now_ms(rig.loop) + i % 4;

		td_timer_arm(fired.timer, i % 4);
		rig_run(&rig);
		assert_true(fired.at_ms >= due);
	}
	td_timer_free(fired.timer);
	rig_done(&rig);
}

static void on_fire_again(void *userdata)
{
	struct fired *fired = userdata;

	note(fired);
	if (fired->count < 3)
		td_timer_arm(fired->timer, -5);
	else
		td_loop_stop(fired->rig->loop);
}

static void timer_may_be_armed_again_in_its_callback(void **state)
{
	struct fired fired = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	fired.rig = &rig;
	fired.timer = td_timer_new(rig.loop, on_fire_again, &fired);
	td_timer_arm(fired.timer, 0);
	rig_run(&rig);
	assert_int_equal(fired.count, 3);
	td_timer_free(fired.timer);
	rig_done(&rig);
}

static void on_fire_free(void *userdata)
{
	struct fired *fired = userdata;

	note(fired);
	fired->timer = td_timer_free(fired->timer);
	td_loop_stop(fired->rig->loop);
}

static void timer_may_be_freed_in_its_callback(void **state)
{
	struct fired fired = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	fired.rig = &rig;
	fired.timer = td_timer_new(rig.loop, on_fire_free, &fired);
	td_timer_arm(fired.timer, 1);
	rig_run(&rig);
	assert_int_equal(fired.count, 1);
	rig_done(&rig);
}

struct pair {
	struct fired *self, *other;
};

static void on_fire_free_other(void *userdata)
{
	struct pair *pair = userdata;

	note(pair->self);
	pair->other->timer = td_timer_free(pair->other->timer);
}

static void freed_timer_does_not_fire_although_due_in_the_same_turn(void **state)
{
	struct fired a = {0}, b = {0};
	struct pair pairs[2] = {{&a, &b}, {&b, &a}};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	a.rig = b.rig = &rig;
	a.timer = td_timer_new(rig.loop, on_fire_free_other, &pairs[0]);
	b.timer = td_timer_new(rig.loop, on_fire_free_other, &pairs[1]);
	td_timer_arm(a.timer, 0);
	td_timer_arm(b.timer, 0);
	rig_run_for(&rig, 10);
	assert_int_equal(a.count + b.count, 1);
	td_timer_free(a.timer);
	td_timer_free(b.timer);
	rig_done(&rig);
}

static void disarmed_and_replaced_timers_do_not_fire(void **state)
{
	struct fired disarmed = {0}, replaced = {0}, far = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	disarmed.rig = replaced.rig = far.rig = &rig;
	disarmed.timer = td_timer_new(rig.loop, on_fire, &disarmed);
	replaced.timer = td_timer_new(rig.loop, on_fire, &replaced);
	far.timer = td_timer_new(rig.loop, on_fire, &far);
	td_timer_arm(disarmed.timer, 1);
	td_timer_disarm(disarmed.timer);
	td_timer_disarm(disarmed.timer);
	td_timer_arm(replaced.timer, 1);
	td_timer_arm(replaced.timer, 3600000);
	td_timer_arm(far.timer, INT64_MAX);
	rig_run_for(&rig, 20);
	assert_int_equal(disarmed.count + replaced.count + far.count, 0);
	td_timer_free(disarmed.timer);
	td_timer_free(replaced.timer);
	td_timer_free(far.timer);
	rig_done(&rig);
}

struct moment {
	struct rig *rig;
	int64_t now_ms, wall_ms;
	int64_t burn_ms; /* time that passes inside the callback */
};

static void on_moment(void *userdata)
{
	struct moment *moment = userdata;
	struct timespec ts;
	int64_t clock;

	moment->now_ms = td_loop_now_ms(moment->rig->loop);
	moment->wall_ms = td_loop_wall_ms(moment->rig->loop);
	do {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		clock = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	} while (clock < moment->now_ms + moment->burn_ms);
}

static void all_callbacks_of_a_turn_see_one_time(void **state)
{
	struct moment first = {.burn_ms = 5}, second = {0}, later = {0};
	struct td_timer *timers[3];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	first.rig = second.rig = later.rig = &rig;
	timers[0] = td_timer_new(rig.loop, on_moment, &first);
	timers[1] = td_timer_new(rig.loop, on_moment, &second);
	timers[2] = td_timer_new(rig.loop, on_moment, &later);
	td_timer_arm(timers[0], 0);
	td_timer_arm(timers[1], 0);
	td_timer_arm(timers[2], 15);
	rig_run_for(&rig, 30);
	assert_int_equal(first.now_ms, second.now_ms);
	assert_int_equal(first.wall_ms, second.wall_ms);
	assert_true(later.now_ms >= first.now_ms + 5);
	for (int i = 0; i < 3; i++)
		td_timer_free(timers[i]);
	rig_done(&rig);
}

static void on_signal(int signo, void *userdata)
{
	struct fired *fired = userdata;

	fired->id = signo;
	on_fire_stop(fired);
}

static void signal_is_delivered_in_the_loop(void **state)
{
	struct fired user = {0}, term = {0};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	user.rig = term.rig = &rig;
	assert_true(td_loop_on_signal(rig.loop, SIGUSR1, on_signal, &user));
	assert_true(td_loop_on_signal(rig.loop, SIGTERM, on_signal, &term));
	raise(SIGTERM);
	assert_int_equal(term.count, 0);
	rig_run(&rig);
	assert_int_equal(term.count, 1);
	assert_int_equal(term.id, SIGTERM);
	raise(SIGUSR1);
	rig_run(&rig);
	assert_int_equal(user.count, 1);
	assert_int_equal(term.count, 1);
	rig_done(&rig);
}

static void stop_before_run_is_not_lost(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	td_loop_stop(rig.loop);
	td_loop_run(rig.loop); /* else this would wait for ever: nothing is armed */
	rig_run_for(&rig, 1);
	rig_done(&rig);
}

static void writing_to_a_closed_pipe_does_not_end_the_process(void **state)
{
	struct rig rig;
	int ends[2];

	(void)state;
	rig_init(&rig);
	assert_return_code(pipe(ends), errno);
	close(ends[0]);
	assert_int_equal(write(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
	rig_done(&rig);
}

static void free_takes_null(void **state)
{
	(void)state;
	assert_null(td_loop_free(NULL));
	assert_null(td_timer_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_and_never_early),
		cmocka_unit_test(timer_is_never_early_over_many_short_delays),
		cmocka_unit_test(timer_may_be_armed_again_in_its_callback),
		cmocka_unit_test(timer_may_be_freed_in_its_callback),
		cmocka_unit_test(freed_timer_does_not_fire_although_due_in_the_same_turn),
		cmocka_unit_test(disarmed_and_replaced_timers_do_not_fire),
		cmocka_unit_test(all_callbacks_of_a_turn_see_one_time),
		cmocka_unit_test(signal_is_delivered_in_the_loop),
		cmocka_unit_test(stop_before_run_is_not_lost),
		cmocka_unit_test(writing_to_a_closed_pipe_does_not_end_the_process),
		cmocka_unit_test(free_takes_null),
	};

	return cmocka_run_group_tests_name("net/loop", tests, NULL, NULL);
}
