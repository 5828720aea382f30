"""Drains that succeed: by request, by deletion, of TiCDC's coordinator, one after the other, and who may die meanwhile."""

from claims import assert_empty, cluster_of, delete_and_expect, follower, wait_hook_end, wait_moving
from harness import ApiError, wait_for

SLOW = {"N1": ("--move-ms", "1500"), "M": ("--move-ms", "300")}  # leaves time to do something in the middle


def drain_by_request(family):
    with cluster_of(family) as cluster:
        pod = follower(cluster)
        cluster.apply("one", podName=pod, reason="test")
        status = cluster.wait_phase("one", "Drained")
        assert_empty(cluster, pod)
        assert status["family"] == family and status["captureID"] == cluster.capture_of(pod)["id"], status
        assert status["progressPercent"] == 100 and status["remaining"] == {"maintainers": 0, "dispatchers": 0}, status
        assert status["initial"]["maintainers"] == 10 and status["initial"]["dispatchers"] == 200, status
        assert all(w["says"] == "Zero" and w["settled"] for w in status["witnesses"]), status["witnesses"]
        assert len(status["witnesses"]) == (3 if family == "N1" else 2)
        assert any(c["type"] == "Drained" and c["status"] == "True" for c in status["conditions"])
        reasons = {e["reason"] for e in cluster.events() if e["involvedObject"]["kind"] == "DrainRequest"}
        assert "Drained" in reasons, reasons
        assert cluster.judge()["moves_to_draining"] == 0


def scenario_n1_request():
    drain_by_request("N1")


def scenario_m_request():
    drain_by_request("M")


def scenario_request_by_capture_id():
    with cluster_of("M") as cluster:
        pod = follower(cluster)
        cluster.apply("one", captureID=cluster.capture_of(pod)["id"])
        assert cluster.wait_phase("one", "Drained")["podName"] == pod
        assert_empty(cluster, pod)


def delete(family):
    with cluster_of(family) as cluster:
        delete_and_expect(cluster, follower(cluster))


def scenario_n1_delete():
    delete("N1")


def scenario_m_delete():
    delete("M")


def coordinator(family):
    with cluster_of(family) as cluster:
        delete_and_expect(cluster, cluster.ticdc_owner_pod())
        assert 1 <= cluster.judge()["resigns"] <= 2, cluster.judge()["resigns"]


def scenario_n1_coordinator_moves_ownership_first():
    coordinator("N1")


def scenario_m_coordinator_moves_ownership_first():
    coordinator("M")


def scenario_n1_every_pod_one_after_the_other():
    with cluster_of("N1", grace=90) as cluster:
        for pod in ("ticdc-2", "ticdc-1", "ticdc-0"):
            delete_and_expect(cluster, pod)


def scenario_m_redo_and_batch():
    """Redo dispatchers move too, and never more than a batch at a time. A dispatcher's start at its destination stands in no book, so
    while one batch leaves the last one may still be starting there: the judge, who sees that too, may count two."""
    with cluster_of("M", sim_args=("--redo", "10")) as cluster:
        pod = follower(cluster)
        cluster.apply("one", podName=pod, batchSize=4)
        cluster.wait_phase("one", "Drained", timeout=90)
        assert_empty(cluster, pod)
        most = cluster.judge()["max_concurrent"]
        assert most["maintainers"] <= 4 and most["dispatchers"] <= 8, most


def second_waits(family):
    """The second request waits with position and blocker, and runs next."""
    with cluster_of(family, sim_args=SLOW[family]) as cluster:
        first = follower(cluster)
        second = next(p for p in ("ticdc-0", "ticdc-1", "ticdc-2") if p not in (first, cluster.ticdc_owner_pod()))
        cluster.apply("one", podName=first)
        cluster.wait_phase("one", "Draining")
        cluster.apply("two", podName=second)
        status = wait_for("two waits behind one", lambda: (lambda s: s if s.get("queuePosition") == 1 and s.get("blockedBy") == first
                                                           else None)(cluster.status("two")), 10)
        assert status["phase"] == "Pending" and first in status["message"], status
        cluster.wait_phase("one", "Drained")
        if family == "N1":  # TiCDC keeps its only slot until the first capture leaves: said so, and waited for
            wait_for("two waits for the slot", lambda: cluster.status("two").get("reason") == "WaitingForSlot", 10)
            assert cluster.status("two")["blockedBy"] == first
            delete_and_expect(cluster, first)
        cluster.wait_phase("two", "Drained", timeout=90)
        assert_empty(cluster, second)


def scenario_n1_second_request_waits_its_turn():
    second_waits("N1")


def scenario_m_second_request_waits_its_turn():
    second_waits("M")


def leader_killed(family):
    """Another sidecar takes over from the status, under a higher epoch, and the drain completes."""
    with cluster_of(family, sim_args=SLOW[family]) as cluster:
        leader = cluster.leader()
        pod = next(p for p in ("ticdc-0", "ticdc-1", "ticdc-2") if p not in (leader, cluster.ticdc_owner_pod()))
        cluster.apply("one", podName=pod)
        before = wait_moving(cluster, "one")
        cluster.kube_sim("POST", f"/sim/pods/tidb/{leader}/sidecar/kill", {"signal": 9})
        after = cluster.wait_phase("one", "Drained", timeout=90)
        assert after["epoch"] > before["epoch"], (before["epoch"], after["epoch"])
        assert after["initial"] == before["initial"], (before, after)
        assert_empty(cluster, pod)


def scenario_n1_coordinating_sidecar_killed():
    leader_killed("N1")


def scenario_m_coordinating_sidecar_killed():
    leader_killed("M")


def scenario_n1_own_sidecar_killed_while_the_hook_waits():
    with cluster_of("N1", sim_args=SLOW["N1"], grace=90) as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        cluster.delete_pod(pod)
        wait_moving(cluster, name)
        cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/sidecar/kill", {"signal": 9})
        wait_for("the sidecar can be started again",
                 lambda: try_restart(cluster, pod), 10)
        last = wait_hook_end(cluster, uid)
        assert "open Drained" in last, last
        cluster.wait_replaced(pod, uid)


def try_restart(cluster, pod):
    try:
        cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/sidecar/restart")
        return True
    except ApiError:  # it has not ended yet
        return False


def scenario_drained_pod_is_deleted_later():
    with cluster_of("N1") as cluster:
        pod = follower(cluster)
        cluster.apply("one", podName=pod)
        cluster.wait_phase("one", "Drained")
        delete_and_expect(cluster, pod)
        cluster.wait_phase("one", "Released")


def full_drain_under(wrapper):
    with cluster_of("M", wrapper=wrapper, grace=180) as cluster:
        delete_and_expect(cluster, follower(cluster), timeout=170)
