/* manifests/rbac.yaml, api-rbac.yaml and the examples held against the code: the Role against the calls that are made, the examples against the
 * configuration, the hook and each other. */
#include "manifests_fixture.h"
#include "sidecar/config.h"

#include <glob.h>

/* ---- RBAC ---- */

#define LIST_FILES "pkg-c/kube/informer.c", "TD_KUBE_LIST"

/* Every call that the sidecar makes. */
static const struct need {
	const char *group, *resource, *name, *verb;
	const char *source, *constant; /* where the call is made */
	const char *reason;
} needs[] = {
	{"", "pods", "", "list", LIST_FILES, "which pods run captures, and whether ours is terminating"},
	{"", "pods", "", "watch", LIST_FILES, "the same, as it changes"},
	{"", "pods", "", "get", "pkg-c/sidecar/agent_kube.c", "TD_KUBE_GET", "a hook waits: is our pod being deleted?"},
	{"drain.ticdc.dev", "drainrequests", "", "list", LIST_FILES, "what is to be drained"},
	{"drain.ticdc.dev", "drainrequests", "", "watch", LIST_FILES, "the same, as it changes"},
	{"drain.ticdc.dev", "drainrequests", "", "create", "pkg-c/sidecar/agent_kube.c", "TD_KUBE_CREATE",
	 "the request of a terminating pod"},
	{"drain.ticdc.dev", "drainrequests", "", "get", "pkg-c/sidecar/shell_publish.c", "TD_KUBE_GET",
	 "after a conflict: was it only an acknowledgement?"},
	{"drain.ticdc.dev", "drainrequests", "", "create", "pkg-c/sidecar/drain_api_find.c", "TD_KUBE_CREATE",
	 "what somebody asked for through the API"},
	{"drain.ticdc.dev", "drainrequests", "", "get", "pkg-c/sidecar/drain_api_find.c", "TD_KUBE_GET",
	 "another sidecar was asked for the same, a moment before"},
	{"drain.ticdc.dev", "drainrequests/status", "", "patch", "pkg-c/sidecar/acknowledge.c", "TD_KUBE_PATCH",
	 "our capture's acknowledgement"},
	{"drain.ticdc.dev", "drainrequests/status", "", "patch", "pkg-c/sidecar/agent_release.c", "TD_KUBE_PATCH",
	 "Released, and the proof"},
	{"drain.ticdc.dev", "drainrequests/status", "", "patch", "pkg-c/sidecar/shell_publish.c", "TD_KUBE_PATCH",
	 "the status of a drain"},
	{"coordination.k8s.io", "leases", "", "create", "pkg-c/kube/leader.c", "TD_KUBE_CREATE",
	 "the first election; create cannot be limited by name"},
	{"coordination.k8s.io", "leases", "ticdc-drain-ticdc", "get", "pkg-c/kube/leader.c", "TD_KUBE_GET",
	 "who coordinates"},
	{"coordination.k8s.io", "leases", "ticdc-drain-ticdc", "update", "pkg-c/kube/leader.c", "TD_KUBE_PUT",
	 "taking, renewing and giving back the Lease"},
	{"", "events", "", "create", "pkg-c/kube/recorder.c", "TD_KUBE_CREATE", "events about pods and requests"},
	{"", "events", "", "patch", "pkg-c/kube/recorder.c", "TD_KUBE_PATCH", "counting the same event again"},
};

/* What the API needs besides, of the whole cluster: the two rules of the role system:auth-delegator. */
static const char review_source[] = "pkg-c/kube/review.c", review_constant[] = "TD_KUBE_CREATE";

#define GRANTS_MAX 64

struct grants {
	char lines[GRANTS_MAX][160];
	size_t count;
};

static bool is_granted(const struct grants *grants, const char *line)
{
	for (size_t i = 0; i < grants->count; i++)
		if (strcmp(grants->lines[i], line) == 0)
			return true;
	return false;
}

static void grant(struct grants *grants, const char *group, const char *resource, const char *name, const char *verb)
{
	char line[160];

	(void)snprintf(line, sizeof(line), "%s %s/%s %s", verb, group, resource, name);
	assert_true(grants->count < GRANTS_MAX);
	if (!is_granted(grants, line))
		strcpy(grants->lines[grants->count++], line);
}

static void expand_rule(struct grants *grants, json_t *rule)
{
	size_t g, r, n, v;
	json_t *group, *resource, *verb, *names = json_object_get(rule, "resourceNames");
	size_t count = names ? json_array_size(names) : 1;

	assert_int_equal(json_object_size(rule), names ? 4 : 3);
	json_array_foreach (at(rule, "apiGroups"), g, group)
		json_array_foreach (at(rule, "resources"), r, resource)
			json_array_foreach (at(rule, "verbs"), v, verb)
				for (n = 0; n < count; n++)
					grant(grants, json_string_value(group), json_string_value(resource),
					      names ? json_string_value(json_array_get(names, n)) : "",
					      json_string_value(verb));
}

static void role_allows_what_the_code_does_and_nothing_else(void **state)
{
	json_t *documents = load("manifests/rbac.yaml"), *rule;
	struct grants given = {.count = 0}, needed = {.count = 0};
	size_t i;

	(void)state;
	assert_string_equal(text_at(documents, "1.kind"), "Role"); /* of one namespace */
	json_array_foreach (at(documents, "1.rules"), i, rule)
		expand_rule(&given, rule);
	for (i = 0; i < COUNT(needs); i++)
		grant(&needed, needs[i].group, needs[i].resource, needs[i].name, needs[i].verb);
	for (i = 0; i < needed.count; i++)
		if (!is_granted(&given, needed.lines[i]))
			fail_msg("rbac.yaml does not allow: %s", needed.lines[i]);
	for (i = 0; i < given.count; i++)
		if (!is_granted(&needed, given.lines[i]))
			fail_msg("rbac.yaml allows what nobody needs: %s", given.lines[i]);
	json_decref(documents);
}

/* The verbs in the sources are those of the list above: a new call needs a line there, and so one in the Role. */
static void list_of_calls_is_that_of_the_sources(void **state)
{
	static const char *const constants[] = {"TD_KUBE_GET",	 "TD_KUBE_LIST", "TD_KUBE_CREATE",
						"TD_KUBE_PATCH", "TD_KUBE_PUT",	 "TD_KUBE_DELETE"};
	glob_t files;

	(void)state;
	assert_int_equal(glob("pkg-c/kube/*.c", 0, NULL, &files), 0);
	assert_int_equal(glob("pkg-c/sidecar/*.c", GLOB_APPEND, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *text = read_text(files.gl_pathv[i]);

		for (size_t c = 0; c < COUNT(constants) && strcmp(files.gl_pathv[i], "pkg-c/kube/client.c") != 0; c++) {
			bool listed =
				strcmp(files.gl_pathv[i], review_source) == 0 && strcmp(constants[c], review_constant) == 0;

			for (size_t n = 0; n < COUNT(needs); n++)
				listed = listed || (strcmp(needs[n].source, files.gl_pathv[i]) == 0 &&
						    strcmp(needs[n].constant, constants[c]) == 0);
			if (listed != (strstr(text, constants[c]) != NULL))
				fail_msg("%s in %s is %s", constants[c], files.gl_pathv[i], listed ? "gone" : "new");
		}
		free(text);
	}
	globfree(&files);
}

static void account_is_bound_to_the_role(void **state)
{
	json_t *documents = load("manifests/rbac.yaml");

	(void)state;
	assert_int_equal(json_array_size(documents), 3);
	assert_string_equal(text_at(documents, "0.kind"), "ServiceAccount");
	assert_string_equal(text_at(documents, "2.kind"), "RoleBinding");
	assert_string_equal(text_at(documents, "2.roleRef.kind"), "Role");
	assert_string_equal(text_at(documents, "2.roleRef.name"), text_at(documents, "1.metadata.name"));
	assert_int_equal(json_array_size(at(documents, "2.subjects")), 1);
	assert_string_equal(text_at(documents, "2.subjects.0.kind"), "ServiceAccount");
	assert_string_equal(text_at(documents, "2.subjects.0.name"), text_at(documents, "0.metadata.name"));
	json_decref(documents);
}

static void api_account_may_ask_who_somebody_is(void **state)
{
	json_t *documents = load("manifests/api-rbac.yaml"), *rbac = load("manifests/rbac.yaml");

	(void)state;
	assert_int_equal(json_array_size(documents), 1);
	assert_string_equal(text_at(documents, "0.kind"), "ClusterRoleBinding");
	assert_string_equal(text_at(documents, "0.roleRef.kind"), "ClusterRole");
	assert_string_equal(text_at(documents, "0.roleRef.name"), "system:auth-delegator");
	assert_int_equal(json_array_size(at(documents, "0.subjects")), 1);
	assert_string_equal(text_at(documents, "0.subjects.0.kind"), "ServiceAccount");
	assert_string_equal(text_at(documents, "0.subjects.0.name"), text_at(rbac, "0.metadata.name"));
	assert_string_equal(text_at(documents, "0.subjects.0.namespace"), "NAMESPACE"); /* README.md says to replace it */
	json_decref(documents);
	json_decref(rbac);
}

/* ---- the examples ---- */

#define POD "1.spec.template.spec"

/* One of the two statefulset files, and what its parts say. */
struct example {
	json_t *documents;
	json_t *pod, *ticdc, *sidecar; /* borrowed */
	struct td_config config;
};

static json_t *container_named(const json_t *list, const char *name)
{
	size_t i;
	json_t *container;

	json_array_foreach ((json_t *)(void *)(uintptr_t)list, i, container)
		if (strcmp(text_at(container, "name"), name) == 0)
			return container;
	fail_msg("no container %s", name);
	return NULL;
}

/* The configuration that the sidecar has in that pod: its args, and its variables with their fields as values. */
static void configure(struct example *example)
{
	char *argv[8] = {strdup("sidecar")}, *env[8] = {NULL};
	bool help, version;
	struct td_error err;
	size_t i, argc = 1;
	json_t *value;

	json_array_foreach (json_object_get(example->sidecar, "args"), i, value) {
		assert_true(argc < COUNT(argv));
		argv[argc++] = strdup(json_string_value(value));
	}
	json_array_foreach (at(example->sidecar, "env"), i, value) {
		assert_true(i + 1 < COUNT(env));
		env[i] = malloc(256);
		(void)snprintf(env[i], 256, "%s=%s", text_at(value, "name"), text_at(value, "valueFrom.fieldRef.fieldPath"));
	}
	if (td_config_load(&example->config, (int)argc, argv, env, &help, &version, &err) != TD_OK)
		fail_msg("the sidecar would not start: %s", err.text);
	for (i = 0; i < argc; i++)
		free(argv[i]);
	for (i = 0; env[i]; i++)
		free(env[i]);
}

static int load_examples(void **state)
{
	static const char *const files[] = {"manifests/statefulset-sidecar.yaml",
					    "manifests/statefulset-native-sidecar.yaml"};
	struct example *examples = calloc(2, sizeof(*examples));

	for (size_t i = 0; i < 2; i++) {
		struct example *example = &examples[i];

		example->documents = load(files[i]);
		example->pod = at(example->documents, POD);
		example->ticdc = container_named(at(example->pod, "containers"), "ticdc");
		example->sidecar = container_named(at(example->pod, i ? "initContainers" : "containers"), "ticdc-drain");
		configure(example);
	}
	*state = examples;
	return 0;
}

static int free_examples(void **state)
{
	struct example *examples = *state;

	for (size_t i = 0; i < 2; i++) {
		td_config_done(&examples[i].config);
		json_decref(examples[i].documents);
	}
	free(examples);
	return 0;
}

static void pod_is_told_who_it_is(void **state)
{
	const struct example *examples = *state;

	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(examples[i].config.pod_name, "metadata.name");
		assert_string_equal(examples[i].config.namespace_, "metadata.namespace");
		assert_string_equal(examples[i].config.pod_uid, "metadata.uid");
	}
}

static void labels_are_those_that_the_sidecar_selects(void **state)
{
	const struct example *examples = *state;

	for (size_t i = 0; i < 2; i++) {
		static const char *const places[] = {"0.spec.selector", "1.spec.selector.matchLabels",
						     "1.spec.template.metadata.labels"};
		char key[128];
		const char *equals = strchr(examples[i].config.pod_selector, '=');

		(void)snprintf(key, sizeof(key), "%.*s", (int)(equals - examples[i].config.pod_selector),
			       examples[i].config.pod_selector);
		for (size_t p = 0; p < COUNT(places); p++)
			assert_string_equal(json_string_value(json_object_get(at(examples[i].documents, places[p]), key)),
					    equals + 1);
	}
}

static void mounts_the_volume_at(const json_t *container, const char *path)
{
	size_t i, found = 0;
	json_t *mount;

	json_array_foreach (at(container, "volumeMounts"), i, mount)
		found +=
			strcmp(text_at(mount, "name"), "ticdc-drain") == 0 && strcmp(text_at(mount, "mountPath"), path) == 0;
	assert_int_equal(found, 1);
}

/* The hook and the socket lie in the one volume that both containers mount; the hook is started by its installed name, without
 * arguments: it looks for the socket where the sidecar makes it. */
static void hook_and_socket_are_where_both_look(void **state)
{
	const struct example *examples = *state;
	char *source = read_text("cmd/ticdc-drain-prestop/main.c"), path[512];

	for (size_t i = 0; i < 2; i++) {
		const struct example *example = &examples[i];
		const char *directory = example->config.install_hook, *hook = "lifecycle.preStop.exec.command";

		assert_true(directory[0] == '/');
		mounts_the_volume_at(example->ticdc, directory);
		mounts_the_volume_at(example->sidecar, directory);
		assert_true(json_is_object(at(example->pod, "volumes.0.emptyDir")));
		assert_string_equal(text_at(example->pod, "volumes.0.name"), "ticdc-drain");
		assert_int_equal(json_array_size(at(example->ticdc, hook)), 1);
		(void)snprintf(path, sizeof(path), "%s/ticdc-drain-prestop", directory);
		assert_string_equal(json_string_value(json_array_get(at(example->ticdc, hook), 0)), path);
		(void)snprintf(path, sizeof(path), "%s/gate.sock", directory);
		assert_string_equal(example->config.gate_socket, path);
		(void)snprintf(path, sizeof(path), "\"%s\"", example->config.gate_socket);
		assert_non_null(strstr(source, path));
	}
	free(source);
}

static void ports_are_those_that_are_listened_at(void **state)
{
	const struct example *examples = *state;

	for (size_t i = 0; i < 2; i++) {
		const struct example *example = &examples[i];

		assert_int_equal(json_integer_value(at(example->sidecar, "ports.0.containerPort")),
				 atoi(strrchr(example->config.listen, ':') + 1));
		assert_int_equal(json_integer_value(at(example->ticdc, "ports.0.containerPort")),
				 atoi(strrchr(example->config.ticdc_address, ':') + 1));
		for (int probe = 0; probe < 2; probe++) {
			const char *name = probe ? "readinessProbe.httpGet" : "livenessProbe.httpGet";

			assert_string_equal(text_at(at(example->sidecar, name), "path"), probe ? "/readyz" : "/healthz");
			assert_string_equal(text_at(at(example->sidecar, name), "port"),
					    text_at(example->sidecar, "ports.0.name"));
		}
	}
}

/* A quarter of the grace is the most that is kept for TiCDC: less than the reserve would not be what is asked for. */
static void grace_is_long_enough_for_the_reserve(void **state)
{
	const struct example *examples = *state;

	for (size_t i = 0; i < 2; i++)
		assert_in_range(json_integer_value(at(examples[i].pod, "terminationGracePeriodSeconds")),
				4 * examples[i].config.shutdown_reserve_seconds, 86400);
}

static void account_and_lease_are_those_of_the_role(void **state)
{
	const struct example *examples = *state;
	json_t *rbac = load("manifests/rbac.yaml"), *rule;
	char lease[128];
	size_t r, found = 0;

	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(text_at(examples[i].pod, "serviceAccountName"), text_at(rbac, "0.metadata.name"));
		(void)snprintf(lease, sizeof(lease), "ticdc-drain-%s", examples[i].config.cluster);
		json_array_foreach (at(rbac, "1.rules"), r, rule)
			found += holds(json_object_get(rule, "resourceNames"), lease);
	}
	assert_int_equal(found, 2);
	json_decref(rbac);
}

static void sidecar_may_write_the_volume_and_little_else(void **state)
{
	const struct example *examples = *state;

	for (size_t i = 0; i < 2; i++) {
		const json_t *security = at(examples[i].sidecar, "securityContext");

		assert_true(json_is_true(at(security, "runAsNonRoot")));
		assert_true(json_is_true(at(security, "readOnlyRootFilesystem")));
		assert_true(json_is_false(at(security, "allowPrivilegeEscalation")));
		assert_true(holds(at(security, "capabilities.drop"), "ALL"));
		assert_true(json_equal(at(security, "runAsUser"), at(examples[i].pod, "securityContext.fsGroup")));
	}
}

/* Only a native sidecar always restarts, and TiCDC waits for it with a startup probe. All else is the same. */
static void examples_differ_in_the_kind_of_sidecar_alone(void **state)
{
	struct example *plain = *state, *native = plain + 1;

	assert_null(json_object_get(plain->sidecar, "restartPolicy"));
	assert_null(json_object_get(plain->sidecar, "startupProbe"));
	assert_string_equal(text_at(native->sidecar, "restartPolicy"), "Always");
	assert_string_equal(text_at(native->sidecar, "startupProbe.httpGet.path"), "/healthz");
	assert_int_equal(json_array_size(at(plain->pod, "containers")), 2);
	assert_int_equal(json_array_size(at(native->pod, "containers")), 1);
	assert_int_equal(json_array_size(at(native->pod, "initContainers")), 1);

	json_object_del(native->sidecar, "restartPolicy");
	json_object_del(native->sidecar, "startupProbe");
	assert_true(json_equal(plain->sidecar, native->sidecar));
	assert_true(json_equal(plain->ticdc, native->ticdc));
	json_object_del(plain->pod, "containers");
	json_object_del(native->pod, "containers");
	json_object_del(native->pod, "initContainers");
	assert_true(json_equal(plain->documents, native->documents));
}

#define example_test(name) cmocka_unit_test_setup_teardown(name, load_examples, free_examples)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(role_allows_what_the_code_does_and_nothing_else),
		cmocka_unit_test(list_of_calls_is_that_of_the_sources),
		cmocka_unit_test(account_is_bound_to_the_role),
		cmocka_unit_test(api_account_may_ask_who_somebody_is),
		example_test(pod_is_told_who_it_is),
		example_test(labels_are_those_that_the_sidecar_selects),
		example_test(hook_and_socket_are_where_both_look),
		example_test(ports_are_those_that_are_listened_at),
		example_test(grace_is_long_enough_for_the_reserve),
		example_test(account_and_lease_are_those_of_the_role),
		example_test(sidecar_may_write_the_volume_and_little_else),
		example_test(examples_differ_in_the_kind_of_sidecar_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
