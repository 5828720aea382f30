/* The line server: lines at any split, limits, and the ownership of the socket's path. */
#include "net/line_server.h"

#include "net_fixture.h"

#include <sys/stat.h>
#include <sys/un.h>

#define LINE_BYTES_MAX 4096
#define PEERS_MAX 16

struct office {
	struct rig rig;
	struct td_line_server *server;
	struct td_line_handlers handlers;
	char dir[64];
	char path[108];
	int opened, closed, open;
	struct td_buf lines; /* each in brackets */
	const char *answer;  /* to every line */
	bool finish_on_line, finish_on_open;
	struct td_line_peer *last;
};

static void on_opened(struct td_line_peer *peer, void *userdata)
{
	struct office *office = userdata;

	office->opened++;
	office->open++;
	office->last = peer;
	if (office->finish_on_open) {
		td_line_send(peer, "bye");
		td_line_finish(peer);
	}
}

static void on_line(struct td_line_peer *peer, const char *line, void *userdata)
{
	struct office *office = userdata;

	assert_true(td_buf_append_format(&office->lines, "[%s]", line));
	if (office->answer)
		td_line_send(peer, office->answer);
	if (office->finish_on_line) {
		td_line_finish(peer);
		td_line_finish(peer);
		td_line_send(peer, "never sent");
	}
}

static void on_closed(struct td_line_peer *peer, void *userdata)
{
	struct office *office = userdata;

	td_line_send(peer, "never sent");
	td_line_finish(peer);
	office->closed++;
	office->open--;
	if (office->open == 0)
		td_loop_stop(office->rig.loop);
}

static void office_init(struct office *office)
{
	*office = (struct office){.handlers = {on_opened, on_line, on_closed}};
	rig_init(&office->rig);
	td_buf_init(&office->lines, 1 << 20);
	strcpy(office->dir, "/tmp/td-lines-XXXXXX");
	assert_non_null(mkdtemp(office->dir));
	snprintf(office->path, sizeof(office->path), "%s/gate.sock", office->dir);
}

static struct td_line_server *open_at(struct office *office, const char *path, struct td_error *err)
{
	return td_line_server_new(office->rig.loop, path, &office->handlers, office, err);
}

static void office_open(struct office *office)
{
	struct td_error err;

	office_init(office);
	office->server = open_at(office, office->path, &err);
	assert_non_null(office->server);
}

static void office_done(struct office *office)
{
	assert_null(td_line_server_free(office->server));
	td_buf_done(&office->lines);
	unlink(office->path);
	assert_return_code(rmdir(office->dir), errno);
	rig_done(&office->rig);
}

static void visit(struct office *office, struct raw_client *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, office->path);
	raw_client_init(client, &office->rig, (struct sockaddr *)&address, sizeof(address));
}

static void lines_arrive_whole_at_any_split(void **state)
{
	static const char text[] = "wait\n\nuntil 12\nrest without an end";

	(void)state;
	for (size_t split = 1; split < strlen(text); split++) {
		struct raw_client client;
		struct office office;

		office_open(&office);
		visit(&office, &client);
		raw_client_send(&client, text, split);
		rig_run_for(&office.rig, 1);
		raw_client_send(&client, text + split, strlen(text) - split);
		rig_run_for(&office.rig, 1);
		raw_client_done(&client);
		rig_run(&office.rig);
		assert_string_equal(td_buf_text(&office.lines), "[wait][][until 12]");
		assert_int_equal(office.opened, 1);
		assert_int_equal(office.closed, 1);
		office_done(&office);
	}
}

static void answers_come_back_as_lines(void **state)
{
	struct raw_client client;
	struct office office;

	(void)state;
	office_open(&office);
	office.answer = "deadline 5";
	visit(&office, &client);
	raw_client_send(&client, "a\nb\n", 4);
	rig_run_for(&office.rig, 20);
	assert_string_equal(td_buf_text(&client.got), "deadline 5\ndeadline 5\n");
	raw_client_done(&client);
	office_done(&office);
}

static void finish_writes_what_is_queued_then_closes(void **state)
{
	(void)state;
	for (int on_open = 0; on_open < 2; on_open++) {
		struct raw_client client;
		struct office office;

		office_open(&office);
		office.answer = "open";
		office.finish_on_line = true;
		office.finish_on_open = on_open;
		visit(&office, &client);
		raw_client_send(&client, "wait\nmore\n", 10); /* after finish nothing is read */
		rig_run(&office.rig);
		while (!client.closed)
			rig_run(&office.rig);
		assert_string_equal(td_buf_text(&client.got), on_open ? "bye\n" : "open\n");
		assert_string_equal(td_buf_text(&office.lines), on_open ? "" : "[wait]");
		assert_int_equal(office.closed, 1);
		raw_client_done(&client);
		office_done(&office);
	}
}

static void finish_without_anything_queued_closes_at_once_but_later(void **state)
{
	struct raw_client client;
	struct office office;

	(void)state;
	office_open(&office);
	visit(&office, &client);
	rig_run_for(&office.rig, 20);
	td_line_finish(office.last);
	assert_int_equal(office.closed, 0);
	rig_run(&office.rig);
	assert_int_equal(office.closed, 1);
	raw_client_done(&client);
	office_done(&office);
}

static void line_of_4096_bytes_is_the_longest(void **state)
{
	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		char line[LINE_BYTES_MAX + 2];
		size_t len = LINE_BYTES_MAX + (size_t)extra;
		struct raw_client client;
		struct office office;

		memset(line, 'x', sizeof(line));
		line[len] = '\n';
		office_open(&office);
		visit(&office, &client);
		raw_client_send(&client, line, len + 1);
		rig_run_for(&office.rig, 20);
		assert_int_equal(office.lines.len, extra ? 0 : LINE_BYTES_MAX + 2);
		assert_int_equal(office.closed, extra);
		raw_client_done(&client);
		office_done(&office);
	}
}

static void endless_line_and_zero_byte_close_the_connection(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		char endless[20000];
		struct raw_client client;
		struct office office;

		memset(endless, 'x', sizeof(endless));
		office_open(&office);
		visit(&office, &client);
		if (i == 0)
			raw_client_send(&client, endless, sizeof(endless));
		else
			raw_client_send(&client, "wa\0it\n", 6);
		rig_run(&office.rig);
		assert_int_equal(office.closed, 1);
		assert_int_equal(office.lines.len, 0);
		raw_client_done(&client);
		office_done(&office);
	}
}

static void peer_that_does_not_read_is_closed_later(void **state)
{
	char line[1001];
	struct raw_client client;
	struct office office;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[1000] = '\0';
	office_open(&office);
	visit(&office, &client);
	rig_run_for(&office.rig, 20);
	for (int i = 0; i < 65; i++)
		td_line_send(office.last, line);
	rig_run_for(&office.rig, 20); /* within the limit: all is delivered */
	assert_int_equal(client.got.len, 65 * 1001);
	for (int i = 0; i < 66; i++)
		td_line_send(office.last, line);
	assert_int_equal(office.closed, 0);
	rig_run(&office.rig);
	assert_int_equal(office.closed, 1);
	raw_client_done(&client);
	office_done(&office);
}

static void seventeenth_connection_is_closed_unheard(void **state)
{
	struct raw_client clients[PEERS_MAX + 1], late;
	struct office office;

	(void)state;
	office_open(&office);
	for (int i = 0; i <= PEERS_MAX; i++) {
		visit(&office, &clients[i]);
		rig_run_for(&office.rig, 2);
	}
	assert_int_equal(office.opened, PEERS_MAX);
	assert_true(clients[PEERS_MAX].closed);
	assert_int_equal(office.closed, 0);
	raw_client_done(&clients[0]); /* and its place is free again */
	rig_run_for(&office.rig, 2);
	visit(&office, &late);
	rig_run_for(&office.rig, 2);
	assert_int_equal(office.opened, PEERS_MAX + 1);
	for (int i = 1; i <= PEERS_MAX; i++)
		raw_client_done(&clients[i]);
	raw_client_done(&late);
	rig_run(&office.rig);
	assert_int_equal(office.closed, PEERS_MAX + 1);
	office_done(&office);
}

static void socket_is_for_owner_and_group_whatever_the_umask(void **state)
{
	static const mode_t masks[] = {0, 022, 077};

	(void)state;
	for (int i = 0; i < 3; i++) {
		mode_t before = umask(masks[i]);
		struct office office;
		struct stat st;

		office_open(&office);
		umask(before);
		assert_return_code(stat(office.path, &st), errno);
		assert_true(S_ISSOCK(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0660);
		office_done(&office);
	}
}

static void stale_socket_is_replaced(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct raw_client client;
	struct office office;
	struct td_error err;

	(void)state;
	office_init(&office);
	strcpy(address.sun_path, office.path);
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
	close(fd); /* as after a crash: the file stays */
	office.server = open_at(&office, office.path, &err);
	assert_non_null(office.server);
	visit(&office, &client);
	rig_run_for(&office.rig, 5);
	assert_int_equal(office.opened, 1);
	raw_client_done(&client);
	office_done(&office);
}

static void socket_of_a_live_process_is_not_stolen(void **state)
{
	struct raw_client client;
	struct office office;
	struct td_error err;

	(void)state;
	office_open(&office);
	assert_null(open_at(&office, office.path, &err));
	assert_int_equal(err.code, TD_ERR_INVALID);
	visit(&office, &client); /* the first one still has its socket */
	rig_run_for(&office.rig, 5);
	raw_client_done(&client);
	rig_run_for(&office.rig, 5);
	assert_int_equal(office.opened, office.closed);
	assert_true(office.opened >= 1);
	office_done(&office);
}

static void other_files_at_the_path_are_kept(void **state)
{
	struct office office;
	struct td_error err;
	FILE *file;

	(void)state;
	office_init(&office);
	file = fopen(office.path, "w");
	assert_non_null(file);
	fclose(file);
	assert_null(open_at(&office, office.path, &err));
	assert_int_equal(err.code, TD_ERR_INVALID);
	assert_return_code(access(office.path, F_OK), errno);
	office_done(&office);
}

static void impossible_paths_are_errors(void **state)
{
	char path[256];
	struct office office;
	struct td_error err;

	(void)state;
	office_init(&office);
	snprintf(path, sizeof(path), "%s/%0120d", office.dir, 0);
	assert_null(open_at(&office, path, &err));
	assert_int_equal(err.code, TD_ERR_INVALID);
	assert_null(open_at(&office, "/nowhere/gate.sock", &err));
	assert_int_equal(err.code, TD_ERR_SYSTEM);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_null(open_at(&office, "/nowhere/gate.sock", NULL));
	office_done(&office);
}

static void free_closes_peers_without_callbacks_and_removes_the_socket(void **state)
{
	struct raw_client client;
	struct office office;

	(void)state;
	office_open(&office);
	visit(&office, &client);
	rig_run_for(&office.rig, 5);
	td_line_send(office.last, "lost");
	td_line_finish(office.last);
	office.server = td_line_server_free(office.server);
	rig_run(&office.rig);
	assert_true(client.closed);
	assert_int_equal(office.closed, 0);
	assert_int_equal(access(office.path, F_OK), -1);
	raw_client_done(&client);
	office_done(&office);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_arrive_whole_at_any_split),
		cmocka_unit_test(answers_come_back_as_lines),
		cmocka_unit_test(finish_writes_what_is_queued_then_closes),
		cmocka_unit_test(finish_without_anything_queued_closes_at_once_but_later),
		cmocka_unit_test(line_of_4096_bytes_is_the_longest),
		cmocka_unit_test(endless_line_and_zero_byte_close_the_connection),
		cmocka_unit_test(peer_that_does_not_read_is_closed_later),
		cmocka_unit_test(seventeenth_connection_is_closed_unheard),
		cmocka_unit_test(socket_is_for_owner_and_group_whatever_the_umask),
		cmocka_unit_test(stale_socket_is_replaced),
		cmocka_unit_test(socket_of_a_live_process_is_not_stolen),
		cmocka_unit_test(other_files_at_the_path_are_kept),
		cmocka_unit_test(impossible_paths_are_errors),
		cmocka_unit_test(free_closes_peers_without_callbacks_and_removes_the_socket),
	};

	return cmocka_run_group_tests_name("net/line_server", tests, NULL, NULL);
}
