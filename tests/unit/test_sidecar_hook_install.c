/* Installing the preStop hook. The program copies what lies beside itself, so each test makes a copy of this very program in a
 * directory of its own, with a hook beside it, and lets that copy do the installing. */
#include "sidecar/hook_install.h"

#include "base_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOOK "ticdc-drain-prestop"
#define NOBODY 65534
#define BYTES_MAX (3 << 20)

struct bench {
	char dir[64];	 /* holds all that follows */
	char self[96];	 /* the program that installs */
	char hook[96];	 /* beside it */
	char volume[96]; /* where to */
	char target[128];
	char said[512]; /* by the last installation: its error */
};

/* How an installation is hampered. */
struct hampered {
	mode_t umask;
	bool as_nobody;
	rlim_t file_max;    /* 0: none */
	bool with_leftover; /* of a former life of the same pid */
};

/* ---- files ---- */

static void write_all(const char *path, const char *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_return_code(fd, errno);
	assert_int_equal(write(fd, bytes, len), len);
	assert_return_code(fchmod(fd, mode), errno);
	assert_return_code(close(fd), errno);
}

static void holds(int fd, const char *bytes, size_t len)
{
	char *got = malloc(BYTES_MAX);

	assert_return_code(fd, errno);
	assert_int_equal(pread(fd, got, BYTES_MAX, 0), len);
	assert_memory_equal(got, bytes, len);
	free(got);
}

static void file_holds(const char *path, const char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	holds(fd, text, strlen(text));
	close(fd);
}

static void copy_file(const char *from, const char *to)
{
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t got;

	assert_return_code(in, errno);
	assert_return_code(out, errno);
	while ((got = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)got), got);
	assert_int_equal(got, 0);
	close(in);
	assert_return_code(close(out), errno);
}

static int count_files(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2; /* . and .. */
}

/* ---- the installing program ---- */

static int install_here(const char *directory, bool with_leftover)
{
	struct td_error err = {.code = TD_OK};
	char path[256];
	enum td_error_code code;

	(void)snprintf(path, sizeof(path), "%s/." HOOK ".%d", directory, (int)getpid());
	if (with_leftover)
		write_all(path, "longer than what will be written", 32, 0600);
	code = td_hook_install(directory, &err);
	if (code != TD_OK)
		(void)fputs(err.text, stdout);
	(void)fflush(stdout);
	return code == TD_OK ? 0 : code == err.code && code == TD_ERR_SYSTEM && err.sys_errno ? 1 : 2;
}

static void become(const struct bench *bench, const char *directory, const struct hampered *hampered, int out)
{
	(void)dup2(out, STDOUT_FILENO);
	(void)umask(hampered->umask);
	if (hampered->file_max) {
		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){hampered->file_max, hampered->file_max});
	}
	if (hampered->as_nobody && geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
		_exit(3);
	(void)execl(bench->self, bench->self, "install", directory, hampered->with_leftover ? "leftover" : NULL, NULL);
	_exit(4);
}

/* The exit status of install_here; what it said is in bench->said. */
static int run(struct bench *bench, const char *directory, const struct hampered *hampered)
{
	int ends[2], status;
	size_t used = 0;
	ssize_t got;
	pid_t pid;

	assert_return_code(pipe2(ends, O_CLOEXEC), errno);
	pid = fork();
	assert_return_code(pid, errno);
	if (pid == 0)
		become(bench, directory, hampered, ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], bench->said + used, sizeof(bench->said) - 1 - used)) > 0)
		used += (size_t)got;
	bench->said[used] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void installs(struct bench *bench, const struct hampered *hampered)
{
	if (run(bench, bench->volume, hampered) != 0)
		fail_msg("not installed: %s", bench->said);
}

/* It fails with an error of the system that names path and reason. */
static void fails(struct bench *bench, const char *directory, const struct hampered *hampered, const char *path,
		  const char *reason)
{
	assert_int_equal(run(bench, directory, hampered), 1);
	if (!strstr(bench->said, "install the preStop hook") || !strstr(bench->said, path) || !strstr(bench->said, reason))
		fail_msg("\"%s\" does not name %s and %s", bench->said, path, reason);
}

/* ---- setup ---- */

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	*state = bench;
	strcpy(bench->dir, "/tmp/td-hook-XXXXXX");
	assert_non_null(mkdtemp(bench->dir));
	assert_return_code(chmod(bench->dir, 0755), errno);
	(void)snprintf(bench->self, sizeof(bench->self), "%s/sidecar", bench->dir);
	(void)snprintf(bench->hook, sizeof(bench->hook), "%s/" HOOK, bench->dir);
	(void)snprintf(bench->volume, sizeof(bench->volume), "%s/volume", bench->dir);
	(void)snprintf(bench->target, sizeof(bench->target), "%s/" HOOK, bench->volume);
	copy_file("/proc/self/exe", bench->self);
	write_all(bench->hook, "new hook", 8, 0644);
	assert_return_code(mkdir(bench->volume, 0777), errno);
	assert_return_code(chmod(bench->volume, 0777), errno);
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	(void)chmod(bench->volume, 0777);
	(void)rmdir(bench->target); /* one test makes it a directory */
	(void)unlink(bench->target);
	(void)unlink(bench->hook);
	assert_return_code(rmdir(bench->volume), errno); /* nothing else was left */
	assert_return_code(unlink(bench->self), errno);
	assert_return_code(rmdir(bench->dir), errno);
	free(bench);
	return 0;
}

/* ---- tests ---- */

static void hook_is_copied_and_anybody_may_run_it(void **state)
{
	static const mode_t masks[] = {0, 022, 077, 0777};
	struct bench *bench = *state;
	struct stat stat_of;

	for (size_t i = 0; i < COUNT(masks); i++) {
		installs(bench, &(struct hampered){.umask = masks[i]});
		assert_return_code(stat(bench->target, &stat_of), errno);
		assert_int_equal(stat_of.st_mode, S_IFREG | 0755);
		file_holds(bench->target, "new hook");
		assert_int_equal(count_files(bench->volume), 1);
		assert_return_code(unlink(bench->target), errno);
	}
	assert_return_code(stat(bench->hook, &stat_of), errno);
	assert_int_equal(stat_of.st_mode, S_IFREG | 0644); /* the source is left as it was */
}

/* The real one: more than one page, and it runs. */
static void installed_hook_is_the_real_one_byte_by_byte(void **state)
{
	struct bench *bench = *state;
	char built[512], command[256], *bytes = malloc(BYTES_MAX);
	ssize_t len = readlink("/proc/self/exe", built, sizeof(built) - 64);
	int fd;

	assert_true(len > 0);
	built[len] = '\0';
	strcpy(strrchr(built, '/'), "/../" HOOK);
	fd = open(built, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("%s is not built: make all", built);
	len = read(fd, bytes, BYTES_MAX);
	close(fd);
	assert_in_range(len, 10000, BYTES_MAX - 1);
	write_all(bench->hook, bytes, (size_t)len, 0755);
	installs(bench, &(struct hampered){0});
	fd = open(bench->target, O_RDONLY | O_CLOEXEC);
	holds(fd, bytes, (size_t)len);
	close(fd);
	free(bytes);
	(void)snprintf(command, sizeof(command), "%s --nonsense 2>/dev/null", bench->target);
	fd = system(command);
	assert_true(WIFEXITED(fd) && WEXITSTATUS(fd) != 126 && WEXITSTATUS(fd) != 127);
}

/* More than one call of the system copies. */
static void large_hook_is_copied_whole(void **state)
{
	struct bench *bench = *state;
	const size_t len = BYTES_MAX - 1;
	char *bytes = malloc(len);
	int fd;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 2654435761U >> 16);
	write_all(bench->hook, bytes, len, 0755);
	installs(bench, &(struct hampered){0});
	fd = open(bench->target, O_RDONLY | O_CLOEXEC);
	holds(fd, bytes, len);
	close(fd);
	free(bytes);
}

/* A hook that runs meanwhile, or that is being started, sees the old file or the new one, whole. */
static void old_hook_is_replaced_in_one_step(void **state)
{
	struct bench *bench = *state;
	struct stat before, after;
	int running;

	write_all(bench->target, "old hook, longer", 16, 0700);
	assert_return_code(stat(bench->target, &before), errno);
	running = open(bench->target, O_RDONLY | O_CLOEXEC);
	installs(bench, &(struct hampered){0});
	assert_return_code(stat(bench->target, &after), errno);
	assert_int_not_equal(before.st_ino, after.st_ino);
	assert_int_equal(after.st_mode, S_IFREG | 0755);
	file_holds(bench->target, "new hook");
	holds(running, "old hook, longer", 16);
	close(running);
	assert_int_equal(count_files(bench->volume), 1);
}

static void leftover_of_a_former_life_does_no_harm(void **state)
{
	struct bench *bench = *state;
	struct stat stat_of;

	installs(bench, &(struct hampered){.with_leftover = true});
	file_holds(bench->target, "new hook");
	assert_return_code(stat(bench->target, &stat_of), errno);
	assert_int_equal(stat_of.st_mode, S_IFREG | 0755);
	assert_int_equal(count_files(bench->volume), 1);
}

static void missing_source_is_named_and_the_old_hook_stays(void **state)
{
	struct bench *bench = *state;

	write_all(bench->target, "old hook", 8, 0755);
	assert_return_code(unlink(bench->hook), errno);
	fails(bench, bench->volume, &(struct hampered){0}, bench->hook, strerror(ENOENT));
	file_holds(bench->target, "old hook");
	assert_int_equal(count_files(bench->volume), 1);
}

static void directory_that_cannot_be_written_is_named(void **state)
{
	struct bench *bench = *state;
	char missing[128], file[128];

	(void)snprintf(missing, sizeof(missing), "%s/none", bench->dir);
	fails(bench, missing, &(struct hampered){0}, missing, strerror(ENOENT));
	(void)snprintf(file, sizeof(file), "%s/", bench->hook);
	fails(bench, bench->hook, &(struct hampered){0}, file, strerror(ENOTDIR));
	write_all(bench->target, "old hook", 8, 0755);
	assert_return_code(chmod(bench->volume, 0555), errno);
	fails(bench, bench->volume, &(struct hampered){.as_nobody = true}, bench->volume, strerror(EACCES));
	file_holds(bench->target, "old hook");
}

static void copy_that_fails_half_way_leaves_the_old_hook_and_nothing_else(void **state)
{
	struct bench *bench = *state;

	write_all(bench->target, "old hook", 8, 0755);
	fails(bench, bench->volume, &(struct hampered){.file_max = 4}, bench->volume, strerror(EFBIG));
	file_holds(bench->target, "old hook");
	assert_int_equal(count_files(bench->volume), 1);
}

static void target_that_is_a_directory_is_named_and_nothing_else_left(void **state)
{
	struct bench *bench = *state;

	assert_return_code(mkdir(bench->target, 0755), errno);
	fails(bench, bench->volume, &(struct hampered){0}, bench->target, strerror(EISDIR));
	assert_int_equal(count_files(bench->volume), 1);
}

static void path_that_is_too_long_is_an_error(void **state)
{
	struct td_error err;
	char path[5000];

	(void)state;
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(td_hook_install(path, &err), TD_ERR_INVALID);
	assert_non_null(strstr(err.text, "too long"));
}

#define hook_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		hook_test(hook_is_copied_and_anybody_may_run_it),
		hook_test(installed_hook_is_the_real_one_byte_by_byte),
		hook_test(large_hook_is_copied_whole),
		hook_test(old_hook_is_replaced_in_one_step),
		hook_test(leftover_of_a_former_life_does_no_harm),
		hook_test(missing_source_is_named_and_the_old_hook_stays),
		hook_test(directory_that_cannot_be_written_is_named),
		hook_test(copy_that_fails_half_way_leaves_the_old_hook_and_nothing_else),
		hook_test(target_that_is_a_directory_is_named_and_nothing_else_left),
		cmocka_unit_test(path_that_is_too_long_is_an_error),
	};

	if (argc >= 3 && strcmp(argv[1], "install") == 0)
		return install_here(argv[2], argc > 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
