"""What must hold in every scenario, and small helpers that several share."""

import contextlib

from harness import Cluster, wait_for


@contextlib.contextmanager
def cluster_of(family, early_allowed=False, **options):
    """A Cluster; at its end nothing may have been released early, and no sanitizer may have complained."""
    cluster = Cluster(family, **options)
    try:
        yield cluster
        early = cluster.early_releases()
        assert early_allowed or not early, f"early release: {early}"
    except BaseException:
        cluster.keep = True
        raise
    finally:
        cluster.close()
    assert not cluster.complaints, "\n".join(cluster.complaints)


def follower(cluster):
    """A pod that is neither TiCDC's coordinator nor the one whose sidecar coordinates, if there is one."""
    pods = [f"ticdc-{i}" for i in range(cluster.count)]
    plain = [pod for pod in pods if pod != cluster.ticdc_owner_pod()]
    return next((pod for pod in plain if pod != cluster.leader()), plain[0])


def assert_empty(cluster, pod):
    truth = cluster.truth_of(pod)
    assert truth and not any(truth[kind] for kind in ("maintainers", "dispatchers", "triggers", "brokers")), f"{pod}: {truth}"


def hook_of(cluster, uid):
    """Timeline entries of the cdc container of the pod with this uid, by event."""
    return {entry["event"]: entry for entry in cluster.timeline() if entry["uid"] == uid and entry.get("container") == "ticdc"}


def wait_hook_end(cluster, uid, timeout=90):
    """Waits for the end of the preStop hook and returns its last line."""
    entry = wait_for("the preStop hook ends", lambda: hook_of(cluster, uid).get("prestop-end"), timeout)
    lines = entry.get("output", "").strip().splitlines()
    return lines[-1] if lines else ""


def delete_and_expect(cluster, pod, outcome="Drained", grace=None, timeout=90):
    """Deletes a pod; its hook must end with this outcome, and SIGTERM come only after it. Returns the pod's uid."""
    uid = cluster.pod(pod)["metadata"]["uid"]
    cluster.delete_pod(pod, grace)
    last = wait_hook_end(cluster, uid, timeout)
    assert f"open {outcome}" in last, f"the hook of {pod} ended with: {last}"
    cluster.wait_replaced(pod, uid)
    events = hook_of(cluster, uid)
    assert events["sigterm"]["t"] >= events["prestop-end"]["t"], "SIGTERM before the hook ended"
    return uid


def wait_moving(cluster, name, timeout=30):
    """Waits until a drain is in the middle: durable, and TiCDC has begun to act on it."""
    def moving():
        status = cluster.status(name)
        if status.get("phase") != "Draining":
            return None
        capture = cluster.capture_of(status["podName"]) or {"liveness": 0}
        moved = status.get("moved", {})
        begun = capture["liveness"] == 1 or moved.get("maintainers", 0) + moved.get("dispatchers", 0) > 0
        return status if begun else None
    return wait_for(f"{name} is in the middle of its work", moving, timeout)
