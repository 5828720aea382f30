"""Rows of contract 11 that are about the classic family (C), where tables are what moves: 6 (its new id), 16 to 20, 30."""

from claims import cluster_of
from harness import wait_for
from rows import SLOW, Row, ask_drain, fetch, holds, owner_address

TABLES = ("dispatchers",)
C = {"family": "C", "grace": 120, "sim_args": SLOW}


def every_changefeed(cluster, verb):
    for name in cluster.sim("GET", "/sim/state")["changefeeds"]:
        cluster.sim("POST", f"/sim/changefeed/{name}/{verb}")


def scenario_row_06_c_new_id_in_the_same_process():
    """The process loses its session and comes back as another capture, same pid, same pod: that one is drained too."""
    with cluster_of(**C) as cluster:
        row = Row(cluster)
        cluster.fault("freeze")
        row.delete()
        row.until("the drain has begun", lambda: row.status().get("phase") == "Draining")
        pid = next(c["pid"] for c in cluster.captures() if c["id"] == row.id)
        row.fault("id_change")
        row.heal("freeze")
        second = wait_for("its new id", lambda: next((c for c in cluster.captures() if c["address"] == row.address), None))
        assert second["id"] != row.id and second["pid"] == pid, second
        wait_for("the first request ends", lambda: row.status().get("reason") == "CaptureGone", 40)
        assert not row.is_open(), "let go, although the process went on as another capture"
        row.id = second["id"]
        row.drained()


def scenario_row_16_c_processors_are_not_believed_alone():
    """In C the processors do tell; a drain still asks all three witnesses."""
    with cluster_of(**C) as cluster:
        row = Row(cluster)
        row.delete()
        row.drained()
        asked = cluster.judge()["requests"]["total"]
        assert asked["PUT /api/v1/captures/drain"] and asked["GET /metrics"] and asked["GET /api/v2/changefeeds/:id"], asked


def scenario_row_17_c_changefeeds_that_warn_are_not_counted():
    with cluster_of(**C) as cluster:
        row = Row(cluster)
        cluster.fault("maintainer_backoff", changefeeds=cluster.sim("GET", "/sim/state")["changefeeds"])
        row.delete()
        row.until("TiCDC has said 0", lambda: row.lies(TABLES))
        row.hold(kinds=TABLES)
        row.disagreed("process", "dispatchers", kinds=TABLES)
        row.drained()


def scenario_row_18_c_an_owner_that_does_not_run_its_changefeeds():
    """A newly elected owner that refuses a mix of versions has an empty list and counts 0 for everybody."""
    with cluster_of(**C) as cluster:
        before = owner_address(cluster)
        cluster.fault("owner_does_not_tick")
        cluster.fault("coordinator_failover")
        wait_for("another owner, which knows nothing", lambda: owner_address(cluster) != before and '"total":0' in fetch(
            owner_address(cluster), "/api/v2/changefeeds?state=all")[1])
        row = Row(cluster)  # not the new owner's
        assert '"current_table_count":0' in ask_drain(cluster, row.id)[1]
        row.delete()
        row.until("the drain begins without a plan, and TiCDC says 0", lambda: row.status()["phase"] == "Draining" and row.lies(TABLES))
        row.hold(kinds=TABLES)
        row.said("witness cluster", "CDC:ErrClusterIsUnhealthy", kinds=TABLES)
        row.disagreed("process", "dispatchers", kinds=TABLES)
        row.disagreed("cluster", "CDC:ErrClusterIsUnhealthy", says=("Unknown",), kinds=TABLES)
        row.drained()


def scenario_row_19_c_the_old_replica_is_still_closing():
    with cluster_of(**C) as cluster:
        row = Row(cluster)
        row.fault("replica_linger", ms=12000)
        row.delete()
        row.until("TiCDC has said 0", lambda: row.lies(TABLES), 60)
        row.hold(6, kinds=TABLES)
        row.disagreed("process", "dispatchers", kinds=TABLES)
        row.drained()


def scenario_row_20_c_a_capture_that_had_nothing_is_not_marked():
    """Its 0 comes at once and it stays eligible: a table that arrives between the proof and the release is seen."""
    with cluster_of(**C) as cluster:
        row = Row(cluster)
        row.apply()
        row.until("it is drained", lambda: row.status().get("phase") == "Drained", 60)
        every_changefeed(cluster, "pause")
        second = next(c for c in cluster.captures() if c["id"] == row.id)
        assert second["liveness"] == 1  # this one had something
        empty = next(c for c in cluster.captures() if c["address"] not in (row.address, owner_address(cluster)))
        wait_for("nothing runs", lambda: not any(c["truth"]["dispatchers"] for c in cluster.captures()), 20)
        assert '"current_table_count":0' in ask_drain(cluster, empty["id"])[1]
        assert next(c for c in cluster.captures() if c["id"] == empty["id"])["liveness"] == 0, "marked, though it had nothing"
    with cluster_of(**C) as cluster:
        row = Row(cluster)
        row.fault("flow_back", ms=1)
        row.delete()
        row.until("a table has come back", lambda: row.acted("flow_back"), 60)
        row.heal("flow_back")
        row.drained()


def scenario_row_30_c_a_build_without_the_first_drain_route():
    """404 is not "nothing to drain": the other route is asked; if that is unknown too, nothing is proven."""
    with cluster_of(**C) as cluster:
        row = Row(cluster)
        cluster.fault("http", path_prefix="/api/v1/captures/drain", action="status", status=404, body="404 page not found")
        row.delete()
        row.until("the other route was asked", row.answers)
        assert holds(row.before, TABLES)
        row.drained()
    with cluster_of(early_allowed=True, **C) as cluster:
        row = Row(cluster)
        cluster.fault("http", path_prefix="/api/v1/captures/drain", action="status", status=404, body="404 page not found")
        cluster.fault("http", path_prefix="/api/v2/captures/", action="status", status=404, body="404 page not found", method="POST")
        row.delete(grace=24)
        row.hold(kinds=TABLES)
        row.disagreed("answer", "404", says=("Unknown",), kinds=TABLES)
        row.by_policy("TimedOut")
