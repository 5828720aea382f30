"""Requests that cannot be served: each ends in a clear message on the object, and nothing moves."""

import json
import time

from claims import assert_empty, cluster_of, delete_and_expect, follower, hook_of, wait_hook_end
from harness import wait_for


def nothing_moved(cluster):
    judge = cluster.judge()
    assert judge["max_concurrent"] == {"maintainers": 0, "dispatchers": 0} and judge["resigns"] == 0, judge


def scenario_bad_requests():
    with cluster_of("M") as cluster:
        capture = cluster.captures()[0]["id"]
        cases = {
            "both": ({"podName": "ticdc-0", "captureID": capture}, "Failed", ("spec.podName", "spec.captureID", "exactly one", capture)),
            "neither": ({}, "Failed", ("spec.podName", "spec.captureID", "exactly one")),
            "no-pod": ({"podName": "ticdc-99"}, "Failed", ("spec.podName", "ticdc-99")),
            "no-capture": ({"captureID": "11111111-2222-3333-4444-555555555555"}, "Failed",
                           ("spec.captureID", "11111111-2222-3333-4444-555555555555")),
            "negative": ({"podName": "ticdc-0", "batchSize": -1}, "Failed", ("spec.batchSize", "-1")),
            "text-batch": ({"podName": "ticdc-0", "batchSize": "ten"}, "Failed", ("spec.batchSize",)),
            "bad-policy": ({"podName": "ticdc-0", "onTimeout": "Panic"}, "Failed", ("spec.onTimeout", "Panic")),
            "empty-name": ({"podName": ""}, "Failed", ("spec.podName",)),
        }
        for name, (spec, _, _) in cases.items():
            cluster.apply(name, **spec)
        for name, (_, phase, words) in cases.items():
            status = cluster.wait_phase(name, phase, timeout=20)
            assert all(word in status["message"] for word in words), (name, status["message"])
            assert any(c["type"] == "Failed" and c["status"] == "True" for c in status["conditions"]), status
        nothing_moved(cluster)


def scenario_capture_already_gone():
    with cluster_of("M") as cluster:
        pod = follower(cluster)
        old = cluster.capture_of(pod)["id"]
        delete_and_expect(cluster, pod)
        cluster.apply("late", captureID=old)
        status = cluster.wait_phase("late", "Failed", timeout=20)
        assert old in status["message"] and status["reason"] == "CaptureNotFound", status


def scenario_dry_run():
    with cluster_of("N1") as cluster:
        cluster.apply("dry", podName=follower(cluster), dryRun=True)
        status = cluster.wait_phase("dry", "Cancelled", timeout=20)
        assert "10 maintainers and 200 dispatchers" in status["message"], status["message"]
        assert all(capture["liveness"] == 0 for capture in cluster.captures())
        nothing_moved(cluster)


def scenario_last_capture_has_nowhere_to_go():
    with cluster_of("N1", early_allowed=True, pods=1, changefeeds=4, tables=20) as cluster:
        began = time.monotonic()
        cluster.apply("last", podName="ticdc-0")
        status = cluster.wait_phase("last", "Failed", timeout=20)
        assert status["reason"] == "NoDestination", status
        delete_and_expect(cluster, "ticdc-0", outcome="Failed")
        assert time.monotonic() - began < 40, "the grace period was burnt"


def scenario_deadline_of_a_request():
    with cluster_of("N1") as cluster:
        cluster.fault("freeze")
        cluster.apply("late", podName=follower(cluster), timeoutSeconds=4)
        status = cluster.wait_phase("late", "TimedOut", timeout=20)
        assert "left" in status["message"] and status["remaining"]["dispatchers"] == 200, status


def scenario_grace_period_too_short():
    """Released by policy before the kubelet kills, with what was left named; SIGTERM still has its reserve."""
    with cluster_of("N1", early_allowed=True) as cluster:
        pod = follower(cluster)
        cluster.fault("freeze")
        name = cluster.request_of(pod)
        uid = cluster.pod(pod)["metadata"]["uid"]
        cluster.delete_pod(pod, grace=8)
        status = cluster.wait_phase(name, "TimedOut", timeout=20)
        assert "10 maintainers" in status["message"] or "200 dispatchers" in status["message"], status["message"]
        last = wait_hook_end(cluster, uid, 20)
        assert "open TimedOut" in last and "NOT moved" in last and "by policy Release" in last, last
        opened = wait_for("the event of the opening", lambda: [e for e in cluster.events() if e["reason"] == "GateOpened"], 10)[0]
        assert opened["type"] == "Warning" and "10 maintainers and 200 dispatchers were NOT moved (last read 20" in opened["message"], opened
        cluster.wait_replaced(pod, uid)
        log = [json.loads(line) for line in cluster.log_of(pod).splitlines() if '"event":"gate_' in line]
        line = next(line for line in log if line["event"] == "gate_opened")
        assert line["level"] == "warn" and line["remaining_maintainers"] == "10" and line["remaining_dispatchers"] == "200", line
        assert line["policy"] == "Release" and int(line["waited_ms"]) > 3000, line
        assert [line for line in log if line["event"] == "gate_waits" and line["phase"] == "Draining" and line["deadline"] != "none"], log
        assert "sigkill" not in hook_of(cluster, uid), "the kubelet had to kill it"


def scenario_hold_keeps_the_gate_shut():
    with cluster_of("N1", early_allowed=True, sidecar_args=("--on-timeout", "Hold")) as cluster:
        pod = follower(cluster)
        cluster.fault("freeze")
        uid = cluster.pod(pod)["metadata"]["uid"]
        cluster.delete_pod(pod, grace=8)
        cluster.wait_replaced(pod, uid)
        output = hook_of(cluster, uid).get("prestop-end", {}).get("output", "")
        assert "open " not in output, output


def scenario_container_restart_moves_nothing():
    """A liveness restart runs the hook as well: it is let go without a drain, and a later deletion is still guarded."""
    with cluster_of("N1", early_allowed=True) as cluster:
        pod = follower(cluster)
        uid = cluster.pod(pod)["metadata"]["uid"]
        old = cluster.capture_of(pod)["id"]
        cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/ticdc/liveness-kill")
        last = wait_hook_end(cluster, uid, 20)
        assert "open NotTerminating" in last, last
        wait_for("the capture is back", lambda: (cluster.capture_of(pod) or {"id": old})["id"] != old, 30)
        assert cluster.kube("GET", "/apis/drain.ticdc.dev/v1alpha1/namespaces/tidb/drainrequests")["items"] == []
        wait_for("no stale capture is left", lambda: len(cluster.captures()) == 3, 30)
        before = len(cluster.early_releases())
        cluster.fault("freeze")
        cluster.delete_pod(pod, grace=30)
        name = cluster.request_of(pod)
        cluster.wait_phase(name, "Draining", "Verifying", "Drained", timeout=20)
        cluster.sim("DELETE", "/sim/fault")
        cluster.wait_replaced(pod, uid)
        assert len(cluster.early_releases()) == before, cluster.early_releases()


def scenario_request_deleted_in_the_middle():
    """What was begun stays true (the capture stays draining in N1), the queue goes on, nothing hangs."""
    with cluster_of("M", sim_args=("--move-ms", "300")) as cluster:
        pods = [p for p in ("ticdc-0", "ticdc-1", "ticdc-2") if p != cluster.ticdc_owner_pod()]
        cluster.apply("one", podName=pods[0])
        cluster.wait_phase("one", "Draining")
        cluster.apply("two", podName=pods[1])
        cluster.kube("DELETE", "/apis/drain.ticdc.dev/v1alpha1/namespaces/tidb/drainrequests/one")
        cluster.wait_phase("two", "Drained", timeout=60)
        assert_empty(cluster, pods[1])
