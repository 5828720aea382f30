"""TiCDC behind mutual TLS and basic authentication: certificates and passwords change while the sidecar runs, and a refusal is named."""

from certificates import make_authority, sign
from claims import cluster_of, follower, wait_hook_end, wait_moving
from harness import wait_for

SLOW = ("--move-ms", "1500")


def scenario_tls_mutual_with_new_certificates_in_the_middle():
    """Both sides' files are replaced while a drain is on: the next connection uses them."""
    with cluster_of("N1", tls=True, grace=120, sim_args=SLOW) as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        cluster.delete_pod(pod)
        wait_moving(cluster, name)
        sign(cluster.dir, "client")
        sign(cluster.dir, "server", [cluster.network[:-1] + str(n) for n in range(1, 20)])
        assert "open Drained" in wait_hook_end(cluster, uid, 110)


def scenario_tls_of_a_stranger_is_refused():
    """A server whose certificate another authority has signed is nobody: nothing it says counts, and the object says why."""
    with cluster_of("N1", tls=True, early_allowed=True) as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        make_authority(cluster.dir, "stranger")
        sign(cluster.dir, "server", [cluster.network[:-1] + str(n) for n in range(1, 20)], authority="stranger")
        cluster.delete_pod(pod, grace=24)
        wait_for("it is said", lambda: "certificate" in cluster.status(name).get("message", ""), 20)
        assert "open TimedOut" in wait_hook_end(cluster, uid, 40)


def scenario_basic_auth_with_a_password_that_changes():
    """The password file is read for each request: the drain goes on once it is right. Until then 401 is named, with TiCDC's code."""
    with cluster_of("N1", grace=120, password="old") as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        cluster.fault("auth_401", user="drainer", password="new")
        cluster.delete_pod(pod)
        message = wait_for("the refusal is named", lambda: (lambda m: m if "401" in m else None)(cluster.status(name).get("message", "")), 30)
        assert "CDC:ErrUnauthorized" in message, message
        assert cluster.status(name)["phase"] in ("Pending", "Draining"), cluster.status(name)
        cluster.set_password("new")
        assert "open Drained" in wait_hook_end(cluster, uid, 110)


def scenario_basic_auth_missing_is_named():
    with cluster_of("N1", early_allowed=True) as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        cluster.fault("auth_401")
        cluster.delete_pod(pod, grace=24)
        wait_for("it is said", lambda: all(word in cluster.status(name).get("message", "") for word in
                                           ("401", "CDC:ErrCredentialNotFound")), 20)
        assert "open TimedOut" in wait_hook_end(cluster, uid, 40)


def scenario_keyspaces_of_a_next_generation_kernel():
    """Every keyspace is listed by its own name; work in all of them is moved and counted. And metrics of several MiB are no trouble."""
    for family in ("N1", "M"):
        with cluster_of(family, sim_args=("--keyspaces", "alpha,beta")) as cluster:
            pod = follower(cluster)
            cluster.fault("metrics_noise", series=50000)
            cluster.apply("one", podName=pod)
            status = cluster.wait_phase("one", "Drained", timeout=90)
            assert status["initial"] == {"maintainers": 10, "dispatchers": 200}, status
            assert not any(cluster.truth_of(pod).values()), cluster.truth_of(pod)
