"""Family M as docs/core.md has it: who takes over work, what happens to work that lost its capture, even load, and stalls that show."""

from claims import assert_empty, cluster_of, delete_and_expect, follower, wait_moving
from harness import wait_for
from scenarios_acknowledge import deaf_and_plain, go_on, others, stop

SLOW = ("--move-ms", "300")
PLACED_BY_CORE = {"enabled": False, "work": "maintainers"}  # TiCDC's own basic placement leaves absent maintainers alone


def starts(cluster, kind, work=None):
    """Every operator that began in TiCDC: kind is move or add."""
    return [e for e in cluster.judge()["timeline"] if e["event"] == f"{kind}_start" and work in (None, e["work"])]


def scenario_m_capture_without_acknowledgement_is_never_a_destination():
    with cluster_of("M", pods=4) as cluster:
        deaf, pod = deaf_and_plain(cluster)
        deaf_id = cluster.capture_of(deaf)["id"]
        before = cluster.truth_of(deaf)
        stop(cluster, deaf)
        began = len(starts(cluster, "move"))
        cluster.apply("one", podName=pod)
        cluster.wait_phase("one", "Drained", timeout=90)
        assert_empty(cluster, pod)
        moves = starts(cluster, "move")[began:]
        assert moves and not [m for m in moves if m["destination"] == deaf_id], moves
        assert cluster.truth_of(deaf) == before, (before, cluster.truth_of(deaf))
        assert deaf_id not in cluster.status("one")["acknowledged"]
        go_on(cluster, deaf)


def scenario_m_waits_when_nobody_has_acknowledged():
    """The only other capture's sidecar is deaf: nothing moves, the object says why, and it goes on when that one hears."""
    with cluster_of("M", pods=2, changefeeds=6, tables=40) as cluster:
        pod = cluster.leader()
        deaf = others(cluster, pod)[0]
        stop(cluster, deaf)
        cluster.apply("one", podName=pod)
        wait_for("it says what it waits for", lambda: cluster.status("one").get("reason") == "WaitingForAcknowledgement", 30)
        assert cluster.judge()["max_concurrent"] == {"maintainers": 0, "dispatchers": 0}, cluster.judge()["max_concurrent"]
        go_on(cluster, deaf)
        cluster.wait_phase("one", "Drained", timeout=90)
        assert_empty(cluster, pod)


def scenario_m_maintainers_of_a_killed_target_are_placed():
    """The target dies in the middle of its drain: the request ends, and settling places what had not left yet."""
    with cluster_of("M", sim_args=("--move-ms", "1000")) as cluster:
        pod = follower(cluster)
        dead = cluster.capture_of(pod)["id"]
        cluster.fault("basic_placement", **PLACED_BY_CORE)
        cluster.apply("one", podName=pod, batchSize=1)
        wait_moving(cluster, "one")
        assert cluster.truth_of(pod)["maintainers"] > 1, "too late to be in the middle"
        cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/ticdc/kill", {"signal": 9})
        status = cluster.wait_phase("one", "Failed", timeout=60)
        assert status["reason"] == "CaptureGone", status
        wait_for("every maintainer is somewhere", lambda: not cluster.sim("GET", "/sim/state")["absent"]["maintainers"], 60)
        wait_for("everything runs", lambda: cluster.sim("GET", "/sim/state")["ready"], 60)
        placed = starts(cluster, "add", "maintainers")
        assert placed and all(e["destination"] != dead for e in placed), placed


def loads(cluster, kind):
    return sorted(cluster.truth_of(pod)[kind] for pod in others(cluster))


def is_even(counts):
    return counts[-1] - counts[0] < max(2, counts[-1] / 10 + 1)


def scenario_m_balance_after_a_pod_came_back():
    """A rolling upgrade's restart leaves the new process empty; after the cooldown the load is even, and then nothing is asked."""
    with cluster_of("M") as cluster:
        pod = follower(cluster)
        delete_and_expect(cluster, pod)
        assert loads(cluster, "maintainers")[0] == 0, "the new process began with work"
        wait_for("the maintainers are even", lambda: is_even(loads(cluster, "maintainers")), 240, 1)
        wait_for("the dispatchers are even", lambda: is_even(loads(cluster, "dispatchers")), 120, 1)
        seen = []

        def is_idle():
            seen.append(sum(cluster.judge()["requests"]["total"].values()))
            return len(seen) > 5 and seen[-1] == seen[-5]
        wait_for("TiCDC is not asked any more", is_idle, 60, 1)
        assert not cluster.judge()["doubled"] and not cluster.judge()["lost"], cluster.judge()


def progressing(cluster, name):
    conditions = cluster.status(name).get("conditions", [])
    return next(((c["status"], c["reason"]) for c in conditions if c["type"] == "Progressing"), ("", ""))


def stall_shows(family):
    with cluster_of(family, sim_args=SLOW) as cluster:
        pod = follower(cluster)
        cluster.fault("freeze")
        cluster.apply("one", podName=pod)
        wait_for("it is progressing", lambda: progressing(cluster, "one")[0] == "True", 20)
        wait_for("the stall shows", lambda: progressing(cluster, "one") == ("False", "Stalled"), 60)
        cluster.sim("DELETE", "/sim/fault")
        wait_for("it is progressing again", lambda: progressing(cluster, "one")[0] == "True", 60)
        cluster.wait_phase("one", "Drained", timeout=120)
        assert_empty(cluster, pod)


def scenario_m_stall_shows_as_a_condition():
    stall_shows("M")


def scenario_n1_stall_shows_as_a_condition():
    stall_shows("N1")
