"""Families as a user meets them: the classic one drains; what cannot be drained is handed off and says what was left; clusters of more
than one build; requests to TiCDC are bounded."""

import json
import time

from claims import assert_empty, cluster_of, delete_and_expect, follower, wait_hook_end
from harness import wait_for
from rows import ask_drain


def scenario_c_request():
    with cluster_of("C") as cluster:
        pod = follower(cluster)
        cluster.apply("one", podName=pod)
        status = cluster.wait_phase("one", "Drained")
        assert_empty(cluster, pod)
        assert status["family"] == "C" and status["initial"]["dispatchers"] == 200, status
        assert [w["name"] for w in status["witnesses"]] == ["answer", "cluster", "process"], status["witnesses"]
        assert all(w["says"] == "Zero" and w["settled"] for w in status["witnesses"]), status["witnesses"]


def scenario_c_every_pod_one_after_the_other():
    with cluster_of("C", grace=90) as cluster:
        for pod in ("ticdc-2", "ticdc-1", "ticdc-0"):
            delete_and_expect(cluster, pod)
        assert cluster.judge()["resigns"] <= 3, "ownership was moved more often than pods"


def scenario_c_second_request_needs_no_slot():
    """TiCDC C has no slot that a drained capture keeps: the next one is drained while the first still runs."""
    with cluster_of("C") as cluster:
        first = follower(cluster)
        second = next(p for p in ("ticdc-0", "ticdc-1", "ticdc-2") if p not in (first, cluster.ticdc_owner_pod()))
        cluster.apply("one", podName=first)
        cluster.apply("two", podName=second)
        cluster.wait_phase("one", "Drained")
        cluster.wait_phase("two", "Drained", timeout=90)
        assert_empty(cluster, second)


def scenario_c_drain_answers_503_for_a_while():
    with cluster_of("C", grace=90) as cluster:
        pod = follower(cluster)
        uid = cluster.pod(pod)["metadata"]["uid"]
        name = cluster.request_of(pod)
        cluster.fault("scheduler_error")
        cluster.delete_pod(pod)
        wait_for("the error is told", lambda: "503" in cluster.status(name).get("message", ""), 30)
        assert cluster.status(name)["reason"] == "WaitingForNative", cluster.status(name)
        cluster.sim("DELETE", "/sim/fault")
        assert "open Drained" in wait_hook_end(cluster, uid)


def scenario_n0_pod_is_handed_off():
    """Ownership first, then the dispatchers, right before the release by policy; the maintainers are counted."""
    with cluster_of("N0", early_allowed=True, grace=90, sim_args=("--move-ms", "100")) as cluster:
        pod = cluster.ticdc_owner_pod()
        name = cluster.request_of(pod)
        before = cluster.truth_of(pod)
        cluster.delete_pod(pod)
        status = cluster.wait_phase(name, "Unsupported", timeout=75)
        assert status["reason"] == "FakeDrain" and status["remaining"]["maintainers"] == before["maintainers"], status
        assert f"{before['maintainers']} maintainers" in status["message"], status["message"]
        stop = wait_for("it stops", lambda: next((s for s in cluster.judge()["stops"]), None))
        assert cluster.judge()["resigns"] == 1, "the coordinator was lost together with its node"
        assert stop["truth"]["dispatchers"] < before["dispatchers"] / 2, (before, stop)
        assert status["moved"]["dispatchers"] > before["dispatchers"] / 2, status


def scenario_n1_mixed_versions_for_good():
    """A peer of an older build: 0 at once and nothing moves. Not believed, and the grace period is not burnt."""
    with cluster_of("N1", early_allowed=True, grace=120) as cluster:
        pod = follower(cluster)
        name, before = cluster.request_of(pod), cluster.truth_of(pod)
        cluster.fault("legacy_peer")
        began = time.monotonic()
        cluster.delete_pod(pod)
        status = cluster.wait_phase(name, "Unsupported", timeout=80)
        assert status["reason"] == "MixedVersions" and "older build" in status["message"], status
        assert status["remaining"]["maintainers"] == before["maintainers"], status
        assert time.monotonic() - began < 80, "the grace period was burnt"


def scenario_n1_foreign_session_is_named():
    """A human (or an operator) has drained another capture and left it there: it keeps TiCDC's slot, and the object says who it is."""
    with cluster_of("N1") as cluster:
        pod = follower(cluster)
        other = next(p for p in ("ticdc-0", "ticdc-1", "ticdc-2") if p not in (pod, cluster.ticdc_owner_pod()))
        foreign = cluster.capture_of(other)["id"]
        owner = cluster.capture_of(cluster.ticdc_owner_pod())["address"]
        wait_for("it is drained by hand", lambda: '"current_table_count":0' in ask_drain(cluster, foreign, owner)[1], 40, 0.5)
        cluster.apply("one", podName=pod)
        status = wait_for("it says who is in the way", lambda: (lambda s: s if s.get("reason") == "WaitingForSlot" else None)(
            cluster.status("one")), 20)
        assert status["blockedBy"] == other and "delete that pod" in status["message"], status
        delete_and_expect(cluster, other)
        cluster.wait_phase("one", "Drained", timeout=60)


def scenario_n1_drained_capture_stays_drained_through_a_failover():
    """The new coordinator forgets the drain and places nothing until somebody asks again."""
    with cluster_of("N1") as cluster:
        pod = follower(cluster)
        cluster.apply("one", podName=pod)
        cluster.wait_phase("one", "Drained")
        cluster.fault("coordinator_failover")
        wait_for("the drain is asked for again", lambda: (cluster.sim("GET", "/sim/state")["session"] or {}).get("target") ==
                 cluster.capture_of(pod)["id"], 40)
        cluster.sim("POST", "/sim/changefeed", {"name": "late", "tables": 3})
        wait_for("a new changefeed gets a maintainer", lambda: not cluster.sim("GET", "/sim/state")["absent"]["maintainers"], 20)
        assert_empty(cluster, pod)


def scenario_old_metric_names():
    for family in ("N1", "M"):
        with cluster_of(family) as cluster:
            cluster.fault("old_metric_names")
            delete_and_expect(cluster, follower(cluster))


def scenario_requests_to_ticdc_are_bounded():
    """Nothing while idle; W3 at most twice a second; W2 (a request per changefeed) to plan and to prove only."""
    for family in ("N1", "M", "C"):
        with cluster_of(family) as cluster:
            quiet = time.monotonic() + 4
            wait_for("it has been idle", lambda: time.monotonic() > quiet, 8)
            assert not cluster.judge()["requests"]["total"], cluster.judge()["requests"]["total"]
            pod, began = follower(cluster), time.monotonic()
            cluster.apply("one", podName=pod)
            cluster.wait_phase("one", "Drained")
            seconds = time.monotonic() - began
            taken = cluster.judge()["requests"]["total"]
            print(f"     requests of a drain, family {family}, {seconds:.0f} s: {sum(taken.values())}: {taken}", flush=True)
            assert taken["GET /metrics"] <= 2 * seconds + 3, (seconds, taken)
            whole_readings = taken["GET /api/v2/changefeeds"]
            assert whole_readings <= 8, taken
            lines = [json.loads(line) for line in cluster.log_of(cluster.leader()).splitlines() if '"event":"drain"' in line]
            counted = int(next(line for line in lines if line["phase"] == "Drained")["ticdc_requests"])
            assert counted <= sum(taken.values()) <= counted + 30, (counted, taken)
            if family != "M":  # there a move is looked at by reading its changefeed
                assert taken["GET /api/v2/changefeeds/:id"] <= 30 * whole_readings + 60, taken
