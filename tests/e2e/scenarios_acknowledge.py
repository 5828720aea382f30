"""Acknowledgements: every capture that stays says in the object that it knows of the drain; those that leave, and those whose sidecar
cannot hear, do not."""

import signal
import time

from claims import assert_empty, cluster_of, delete_and_expect, follower, wait_moving
from harness import PODS, wait_for

NOTICE_S = 1.0  # from the durable write to the last acknowledgement
HEARD = ("Draining", "Verifying")


def others(cluster, *taken):
    return [p for p in (f"ticdc-{i}" for i in range(cluster.count)) if p not in taken]


def acknowledged_by(cluster, name, pods):
    """The status, once exactly these pods' captures have acknowledged its epoch."""
    def whole():
        status = cluster.status(name)
        wanted = {cluster.capture_of(pod)["id"]: status.get("epoch") for pod in pods}
        return status if status.get("acknowledged") == wanted else None
    return whole


def every_other_capture_acknowledges(family):
    with cluster_of(family, pods=4) as cluster:
        pod = follower(cluster)
        ids = {p: cluster.capture_of(p)["id"] for p in others(cluster)}
        cluster.apply("one", podName=pod)
        epoch = cluster.wait_phase("one", *HEARD)["epoch"]
        wanted = {ids[p]: epoch for p in others(cluster, pod)}
        wait_for(f"{wanted} have acknowledged", lambda: cluster.status("one").get("acknowledged") == wanted, NOTICE_S, 0.02)
        cluster.wait_phase("one", "Drained")
        assert_empty(cluster, pod)
        assert cluster.status("one")["acknowledged"] == wanted, "a write of the coordinator touched the acknowledgements"


def scenario_n1_every_other_capture_acknowledges_the_drain():
    every_other_capture_acknowledges("N1")


def scenario_m_every_other_capture_acknowledges_the_drain():
    every_other_capture_acknowledges("M")


def stop(cluster, pod):
    cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/sidecar/kill", {"signal": int(signal.SIGSTOP)})


def go_on(cluster, pod):
    cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/sidecar/kill", {"signal": int(signal.SIGCONT)})


def deaf_and_plain(cluster):
    """Two pods whose sidecars do not coordinate: one to be stopped, and one to drain. Not TiCDC's coordinator, if that leaves two."""
    plain = others(cluster, cluster.leader())
    plain.sort(key=lambda pod: pod == cluster.ticdc_owner_pod())
    return plain[1], plain[0]


def scenario_acknowledge_stopped_sidecar_does_not_until_it_goes_on():
    with cluster_of("N1", pods=4, sim_args=("--move-ms", "1500")) as cluster:
        deaf, pod = deaf_and_plain(cluster)
        stop(cluster, deaf)
        cluster.apply("one", podName=pod)
        wait_moving(cluster, "one")
        wait_for("all but the deaf one have acknowledged", acknowledged_by(cluster, "one", others(cluster, pod, deaf)), 10)
        go_on(cluster, deaf)
        wait_for("the deaf one hears", acknowledged_by(cluster, "one", others(cluster, pod)), 10)
        cluster.wait_phase("one", "Drained")


def scenario_acknowledge_next_coordinator_is_acknowledged_anew():
    with cluster_of("N1", sim_args=("--move-ms", "1500")) as cluster:
        leader = cluster.leader()
        pod = next(p for p in others(cluster, leader) if p != cluster.ticdc_owner_pod())
        cluster.apply("one", podName=pod)
        before = wait_moving(cluster, "one")
        cluster.kube_sim("POST", f"/sim/pods/tidb/{leader}/sidecar/kill", {"signal": 9})
        wait_for("a higher epoch", lambda: cluster.status("one")["epoch"] > before["epoch"], 60)
        wait_for("it is acknowledged", acknowledged_by(cluster, "one", others(cluster, pod)), 10)
        cluster.wait_phase("one", "Drained", timeout=90)


def scenario_acknowledge_survives_a_stuttering_api_server():
    """Agents repeat what failed; the coordinator's own writes are failed by the same fault and come through as well."""
    with cluster_of("N1") as cluster:
        pod = follower(cluster)
        cluster.kube_sim("POST", "/sim/fault", {"verb": "patch", "resource": "drainrequests", "action": "status", "status": 500,
                                                "count": 8})
        cluster.apply("one", podName=pod)
        wait_for("the request is taken up", lambda: cluster.status("one").get("phase") in HEARD, 30)
        wait_for("the others have acknowledged", acknowledged_by(cluster, "one", others(cluster, pod)), 30)
        cluster.wait_phase("one", "Drained")


def comes_back(family):
    """After a pod was drained, deleted and made again, whoever coordinates by then knows that it came back: in family M only."""
    with cluster_of(family) as cluster:
        pod = follower(cluster)
        delete_and_expect(cluster, pod)
        wait_for("the pod is ready", lambda: is_ready(cluster, pod), 30)
        patience = time.monotonic() + (10 if family == "M" else 2)
        wait_for("the coordinator hears of it", lambda: told_of_comebacks(cluster) or time.monotonic() > patience, 15)
        told = told_of_comebacks(cluster)
        assert told == ([pod] if family == "M" else []), told


def told_of_comebacks(cluster):
    lines = [line for p in others(cluster) for line in cluster.log_of(p).splitlines() if "pod_came_back" in line]
    return [next(p for p in others(cluster) if f'"{p}"' in line.split("pod_came_back")[1]) for line in lines]


def scenario_comeback_after_a_drain_in_m_is_heard_of_by_the_coordinator():
    comes_back("M")


def scenario_comeback_after_a_drain_in_n1_is_ticdcs_own_affair():
    comes_back("N1")


def scenario_idle_restart_without_a_drain_asks_ticdc_nothing():
    """A pod turns Ready again and no drain of it ever was: TiCDC hears nothing from any sidecar."""
    with cluster_of("M", early_allowed=True) as cluster:
        pod = follower(cluster)
        old = cluster.capture_of(pod)["id"]
        cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/ticdc/kill", {"signal": 9})
        wait_for("the capture is back", lambda: (cluster.capture_of(pod) or {"id": old})["id"] != old, 30)
        wait_for("the pod is ready", lambda: is_ready(cluster, pod), 30)
        wait_for("work is settled", lambda: cluster.sim("GET", "/sim/state")["ready"], 30)
        patience = time.monotonic() + 3
        wait_for("a sidecar that asks would have", lambda: cluster.judge()["requests"]["total"] or time.monotonic() > patience, 5)
        asked = cluster.judge()["requests"]["total"]
        assert not asked, asked


def is_ready(cluster, pod):
    conditions = cluster.kube("GET", f"{PODS}/{pod}")["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
