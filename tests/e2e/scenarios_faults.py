"""Things break in the middle: TiCDC lies, errs, hangs and fails over; the API server stutters; captures die. In each the gate
stays shut until truth is empty, or opens by policy at the deadline and says why. The rows of contract 11 are in scenarios_rows_*.py."""

import functools
import time

from claims import assert_empty, cluster_of, delete_and_expect, follower, hook_of, wait_hook_end, wait_moving
from harness import wait_for

SLOW = ("--move-ms", "200")
SLOWEST = ("--move-ms", "1500")  # N1 moves everything at once: this leaves a middle to act in
BELIEVER_S = 9  # how long a fault lasts: in this time a sidecar that believed it would have opened the gate


def lie(family, fault, **arguments):
    """A pod is deleted while TiCDC misbehaves. The fault is withdrawn after a while, and only then may the hook return."""
    with cluster_of(family, grace=120, sim_args=SLOW) as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        cluster.fault(fault, **arguments)
        cluster.delete_pod(pod)
        wait_for("the request exists", lambda: cluster.status(name).get("phase"), 20)
        patience = time.monotonic() + BELIEVER_S
        wait_for("a believer would have let go", lambda: time.monotonic() > patience, BELIEVER_S + 5)
        assert not hook_of(cluster, uid).get("prestop-end"), "the hook returned under the fault"
        cluster.sim("DELETE", "/sim/fault")
        last = wait_hook_end(cluster, uid, 110)
        assert "open Drained" in last, last
        cluster.wait_replaced(pod, uid)


def http(path, action, **more):
    return functools.partial(lie, "N1", "http", path_prefix=path, action=action, **more)


scenario_n1_drain_answers_500 = http("/api/v1/captures/drain", "status", status=500, method="PUT")
scenario_n1_drain_answers_garbage = http("/api/v1/captures/drain", "garbage", method="PUT")
scenario_n1_drain_hangs = http("/api/v1/captures/drain", "hang", method="PUT")
scenario_n1_metrics_fail = http("/metrics", "status", status=500)
scenario_n1_metrics_truncated = http("/metrics", "truncate")
scenario_n1_metrics_empty = http("/metrics", "empty")
scenario_n1_everything_resets = http("/", "reset")
scenario_n1_unauthorized = functools.partial(lie, "N1", "auth_401")
scenario_m_moves_refused = functools.partial(lie, "M", "http", path_prefix="/api/v2/changefeeds/", action="status", status=500,
                                             method="POST")


def failover(family):
    """TiCDC's coordinator fails over in the middle: what was said before counts for nothing."""
    with cluster_of(family, grace=120, sim_args=SLOWEST) as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        cluster.delete_pod(pod)
        wait_moving(cluster, name)
        cluster.fault("coordinator_failover")
        last = wait_hook_end(cluster, uid, 110)
        assert "open Drained" in last, last
        cluster.wait_replaced(pod, uid)


def scenario_n1_coordinator_fails_over():
    failover("N1")


def scenario_m_coordinator_fails_over():
    failover("M")


def scenario_n1_capture_crashes_in_the_middle():
    with cluster_of("N1", sim_args=SLOWEST) as cluster:
        pod = follower(cluster)
        cluster.apply("one", podName=pod)
        wait_moving(cluster, "one")
        cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/ticdc/kill", {"signal": 9})
        status = cluster.wait_phase("one", "Failed", timeout=60)
        assert status["reason"] == "CaptureGone", status


def scenario_m_destination_crashes_in_the_middle():
    with cluster_of("M", sim_args=SLOW, grace=120) as cluster:
        pod = follower(cluster)
        other = next(p for p in ("ticdc-0", "ticdc-1", "ticdc-2") if p not in (pod, cluster.ticdc_owner_pod()))
        cluster.apply("one", podName=pod)
        wait_moving(cluster, "one")
        cluster.kube_sim("POST", f"/sim/pods/tidb/{other}/ticdc/kill", {"signal": 9})
        cluster.wait_phase("one", "Drained", timeout=90)
        assert_empty(cluster, pod)


def kube(*steps):
    """A drain by deletion while the API server misbehaves."""
    with cluster_of("N1", grace=90, sim_args=SLOW) as cluster:
        pod = follower(cluster)
        for method, path, body in steps:
            cluster.kube_sim(method, path, body)
        delete_and_expect(cluster, pod)


def scenario_kube_429_and_500():
    kube(("POST", "/sim/fault", {"verb": "patch", "resource": "drainrequests", "action": "status", "status": 429, "retryAfter": 1,
                                 "count": 2}),
         ("POST", "/sim/fault", {"verb": "create", "resource": "drainrequests", "action": "status", "status": 500, "count": 2}),
         ("POST", "/sim/fault", {"verb": "update", "resource": "leases", "action": "status", "status": 500, "count": 2}))


def scenario_kube_hangs():
    kube(("POST", "/sim/fault", {"verb": "patch", "resource": "drainrequests", "action": "hang", "count": 1}))


def scenario_kube_garbage():
    kube(("POST", "/sim/fault", {"verb": "patch", "resource": "drainrequests", "action": "garbage", "count": 2}),
         ("POST", "/sim/fault", {"verb": "get", "resource": "leases", "action": "garbage", "count": 2}))


def scenario_kube_watches_dropped_and_expired():
    with cluster_of("N1", grace=90, sim_args=SLOW) as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        cluster.kube_sim("POST", "/sim/drop-watches", {"how": "reset"})
        cluster.delete_pod(pod)
        wait_for("the request exists", lambda: cluster.status(name).get("phase"), 30)
        cluster.kube_sim("POST", "/sim/compact", {})
        cluster.kube_sim("POST", "/sim/drop-watches", {"how": "expired-event"})
        last = wait_hook_end(cluster, uid)
        assert "open Drained" in last, last


def scenario_kube_outage_in_the_middle():
    """Without the API server no new epoch begins and nothing is written; when it is back the drain goes on."""
    with cluster_of("N1", grace=120, sim_args=SLOWEST) as cluster:
        pod = follower(cluster)
        uid, name = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod)
        cluster.delete_pod(pod)
        wait_moving(cluster, name)
        cluster.kube_sim("POST", "/sim/outage", {"ms": 20000, "how": "refuse"})
        last = wait_hook_end(cluster, uid, 110)
        assert "open Drained" in last, last
