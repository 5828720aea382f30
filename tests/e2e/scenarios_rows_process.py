"""Contract 11, rows about what happens at and after the zero: 7, 8, 11, 21, 22, 24, 25. Broker entries that stay, work that comes back,
moves that were somebody else's, liveness that means something else."""

from claims import cluster_of
from rows import SLOW, Row, books, changefeeds, fetch, gauge, holds, owner_address, tables_at, wait_for

BROKERS = ("brokers",)


# ---- row 7: the event broker ----

def broker_lingers(family):
    """Issue #6316: all has moved, TiCDC says 0, and the broker still has registered dispatchers."""
    with cluster_of(family, grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        row.fault("broker_linger", ms=14000)
        row.delete()
        row.until("only the broker is left", lambda: not holds(row.truth()) and holds(row.truth(), BROKERS), 40)
        row.hold(8, BROKERS)
        if family == "N1":
            assert len(row.lies(BROKERS)) >= 4, row.answers()[-3:]
        assert books(row) == 0 and gauge(row, "ticdc_event_service_dispatcher_status_count", 'status="total"') > 0
        row.disagreed("process", "0 maintainers, 0 dispatchers, 0 triggers", "broker entries", says=("NotZero",), kinds=BROKERS)
        row.drained()


def scenario_row_07_broker_lingers_n1():
    broker_lingers("N1")


def scenario_row_07_broker_lingers_m():
    broker_lingers("M")


# ---- row 8: the gauge that drifts ----

def scenario_row_08_broker_gauge_drifts_to_zero():
    """ticdc_event_service_dispatcher_count says 0, then less, while the broker has hundreds."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        drifting = "ticdc_event_service_dispatcher_count"
        row.fault("negative_broker_gauge", value=0)
        row.fault("broker_linger", ms=30000)
        row.delete()
        row.until("only the broker is left", lambda: not holds(row.truth()) and holds(row.truth(), BROKERS), 40)
        row.hold(kinds=BROKERS)
        assert gauge(row, drifting) == 0 and row.truth()["brokers"] >= 200, (gauge(row, drifting), row.truth())
        row.disagreed("process", "broker entries", says=("NotZero",), kinds=BROKERS)
        row.heal("negative_broker_gauge")
        assert gauge(row, drifting) < 0 < row.truth()["brokers"], "these versions take triggers off that they never put on"
        row.hold(4, BROKERS)
        row.drained()


# ---- row 11: a zero from before a failover ----

def scenario_row_11_zero_from_before_a_failover():
    """TiCDC says 0, its coordinator changes, the drain target is forgotten, and a dispatcher is placed back: the 0 is void."""
    with cluster_of("N1", grace=150) as cluster:
        row = Row(cluster)
        first = owner_address(cluster)
        row.delete()
        row.until("TiCDC says 0", lambda: [a for a in row.answers() if a["count"] == 0], 40)
        assert not holds(row.truth()) and not row.is_open(), "too late"
        cluster.fault("coordinator_failover")
        row.fault("flow_back", ms=1)
        row.until("work is back", lambda: row.truth()["dispatchers"], 10)
        cluster.fault("freeze")
        wait_for("another one coordinates", lambda: owner_address(cluster) != first, 10)
        row.hold()
        row.disagreed("process", "1 dispatchers")
        before = {a["coordinator"]: a["count"] for a in reversed(row.answers()) if a["count"] == 0}
        after = [a for a in row.answers() if a["coordinator"] not in before]
        assert len(before) == 1 and after and after[0]["count"] > 0, "the new coordinator was not asked again"
        row.drained()
        assert row.answers()[-1]["count"] == 0 and row.answers()[-1]["coordinator"] == after[0]["coordinator"], row.answers()[-1]


# ---- row 21: work that comes back ----

def came_back(row):
    """A move that brought a dispatcher onto the capture."""
    return [e for e in row.cluster.judge()["timeline"] if e["event"] == "move_done" and e["destination"] == row.id]


def scenario_row_21_work_flows_back_while_it_is_verified():
    with cluster_of("M", grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        row.fault("flow_back", ms=1500)
        row.delete()
        row.until("it has looked empty", lambda: row.status().get("phase") == "Verifying" and not holds(row.truth()), 60)
        row.until("work is back", lambda: row.truth()["dispatchers"], 20)
        cluster.fault("freeze")
        row.hold()
        assert came_back(row), "nothing flowed back"
        row.disagreed("process", "1 dispatchers")
        assert row.status()["phase"] == "Draining", row.status()
        row.drained()


def scenario_row_21_work_flows_back_after_the_proof():
    """A request was Drained, and work came back later: the deletion of the pod proves it anew."""
    with cluster_of("M", grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        row.apply()
        cluster.wait_phase("row", "Drained")
        row.fault("flow_back", ms=1)
        wait_for("work is back", lambda: row.truth()["dispatchers"], 20)
        cluster.fault("freeze")
        assert cluster.status("row")["phase"] == "Drained"
        row.name = cluster.request_of(row.pod)
        row.delete()
        row.hold()
        assert came_back(row)
        row.disagreed("process", "1 dispatchers")
        row.drained()


def scenario_row_21_tables_flow_back_in_n0():
    """What is moved off by hand is there again within seconds: so it is moved last, right before the pod is let go."""
    with cluster_of("N0", early_allowed=True, grace=90, sim_args=SLOW, sidecar_args=("--batch-size", "100")) as cluster:
        row = Row(cluster)
        name = next(n for n in changefeeds(cluster) if tables_at(row, n))
        elsewhere = next(c["id"] for c in cluster.captures() if c["id"] != row.id)
        for table in [t for t in tables_at(row, name) if t]:
            path = f"/api/v2/changefeeds/{name}/move_table?tableID={table}&targetNodeID={elsewhere}&mode=0&wait=false"
            assert fetch(owner_address(cluster), path, "POST")[0] == 200
        wait_for("they have left", lambda: not [t for t in tables_at(row, name) if t], 10)
        wait_for("they are back", lambda: [t for t in tables_at(row, name) if t] and came_back(row), 20)
        row.delete()
        row.by_policy("Unsupported", "10 maintainers")
        assert row.stop()["truth"]["dispatchers"] <= row.before["dispatchers"] // 2, row.stop()


# ---- row 22: moves that were adopted ----

def scenario_row_22_adopted_moves_are_not_ours():
    """move_table says 200 each time, because the table is on its way already, at somebody else's wish; it never arrives."""
    with cluster_of("M", grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        row.fault("unrelated_moves")
        row.delete()
        row.until("the dispatchers' turn has come", lambda: row.status().get("reason") == "MovingDispatchers", 60)
        row.until("some were asked for", lambda: asked_for(cluster) >= 10, 20)
        row.hold(12)
        assert row.truth()["dispatchers"] == 200 and not row.truth()["maintainers"], row.truth()
        assert cluster.sim("GET", "/sim/state")["moving"]["dispatchers"] == 200, "not adopted"
        done = [e for e in cluster.judge()["timeline"] if e["event"] == "move_done" and e["work"] == "dispatchers"]
        assert not done, done
        status = row.status()
        assert status["remaining"]["dispatchers"] == 200 and status["moved"]["dispatchers"] == 0, status
        row.disagreed("process", "200 dispatchers", says=("NotZero",))
        row.said("200 dispatchers left")
        row.drained()


def asked_for(cluster):
    """Moves of tables that some process was asked for."""
    return sum(n for name, n in cluster.judge()["requests"]["total"].items() if name.endswith("/move_table"))


# ---- rows 24 and 25: liveness ----

def liveness(row):
    return int(fetch(row.address, "/status")[1].split('"liveness": ')[1][0])


def scenario_row_24_fenced_is_not_drained():
    """Liveness 2 because the etcd session was lost, with all work still there."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("freeze")
        row.fault("fence")
        assert liveness(row) == 2
        row.delete()
        row.hold(12)
        assert liveness(row) == 2 and row.truth() == row.before, row.truth()
        row.disagreed("process", "10 maintainers", "200 dispatchers")
        row.disagreed("answer", "remaining", says=("NotZero",))
        row.drained()


def scenario_row_24_fenced_and_answered_zero():
    """Liveness 2 and a 0, and neither is true: the answer's own witness believes it, the other two do not."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("freeze")
        row.fault("fence")
        cluster.fault("early_zero")
        row.delete()
        row.until("TiCDC has lied", row.lies, 20)
        row.hold(12)
        assert len(row.lies()) >= 5 and row.truth() == row.before, row.truth()
        row.disagreed("answer", says=("Zero",))
        row.disagreed("process", "10 maintainers", "200 dispatchers", says=("NotZero",))
        row.drained()


def scenario_row_25_liveness_1_is_draining_in_n1():
    """In family C the same number means stopping. The whole of the work is still there."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("freeze")
        row.delete()
        row.until("it says 1", lambda: liveness(row) == 1, 20)
        row.hold(12)
        assert liveness(row) == 1 and row.truth() == row.before, row.truth()
        assert row.status()["phase"] == "Draining" and row.status()["family"] == "N1", row.status()
        row.disagreed("process", "10 maintainers", "200 dispatchers")
        row.disagreed("answer", "remaining", says=("NotZero",))
        row.drained()
