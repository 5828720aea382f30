"""Contract 11, rows about what the books leave out: 9, 10, 12 to 16. The lists say that nothing is left; the process knows better."""

from claims import cluster_of
from harness import call, wait_for
from rows import (ALL, SLOW, Row, books, changefeeds, fetch, gauge, holds, owner_address, tables_at, with_maintainer_elsewhere)


# ---- rows 9 and 10: changefeeds that the native drain does not count ----

def scenario_row_09_changefeed_in_backoff_at_the_start():
    """It is not replicating when the session starts, so its dispatchers on the target are nobody's: TiCDC says 0."""
    with cluster_of("N1", grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        names = with_maintainer_elsewhere(row, 3)
        cluster.fault("maintainer_backoff", changefeeds=names)
        row.delete()
        row.until("TiCDC has lied", row.lies, 40)
        row.hold()
        started = next(e for e in cluster.judge()["timeline"] if e["event"] == "session_start")
        assert started["tracked"] == 27, started
        assert len(row.lies()) >= 5 and fetch(row.address, "/status")[1].count('"liveness": 2'), row.answers()[-3:]
        row.disagreed("process", "0 maintainers", "dispatchers", says=("NotZero",))
        row.drained()


def scenario_row_09_changefeed_in_backoff_for_good():
    """Nobody can move what has no maintainer: released by policy at the deadline, with what was left named, and never called drained."""
    with cluster_of("N1", early_allowed=True, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("maintainer_backoff", changefeeds=with_maintainer_elsewhere(row, 3))
        row.delete(grace=40)
        row.until("TiCDC has lied", row.lies, 30)
        row.hold(18)
        left = row.truth()["dispatchers"]
        assert len(row.lies()) >= 10 and left > 0, row.answers()[-1]
        row.disagreed("process", f"{left} dispatchers", says=("NotZero",))
        row.by_policy("TimedOut", f"{left} dispatchers")
        assert row.stop()["truth"]["dispatchers"] == left, row.stop()


def scenario_row_10_maintainer_restarts_in_the_middle():
    """A tracked changefeed's maintainer, on another node, is in backoff: it counts 0 meanwhile, and STOPPING is sent."""
    with cluster_of("N1", grace=150, sim_args=("--move-ms", "3000")) as cluster:
        row = Row(cluster)
        names = with_maintainer_elsewhere(row, 3)
        row.delete()
        row.until("they have reported", lambda: set(names) <= moving(cluster), 30)
        cluster.fault("maintainer_backoff", changefeeds=names)
        row.until("TiCDC has lied", row.lies, 40)
        row.hold(7)
        assert len(row.lies()) >= 4, row.answers()
        started = next(e for e in cluster.judge()["timeline"] if e["event"] == "session_start")
        assert started["tracked"] == 30, started
        row.disagreed("process", "0 maintainers", "dispatchers", says=("NotZero",))
        row.drained()


def moving(cluster):
    """Changefeeds of which a dispatcher has begun to move."""
    return {e["name"].split("/")[0] for e in cluster.judge()["timeline"] if e["event"] == "move_start" and e["work"] == "dispatchers"}


def scenario_row_10_tables_cannot_be_asked():
    """ErrMaintainerNotFounded is not an empty list: the cluster's witness is unknown, and TiCDC's 0 alone opens nothing."""
    with cluster_of("N1", grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        row.fault("broker_linger", ms=20000)
        cluster.fault("maintainer_not_found")
        row.delete()
        row.until("TiCDC has lied", lambda: row.lies(ALL), 40)
        row.hold(12, ALL)
        assert row.acted("maintainer_not_found") >= 3, "nobody asked"
        row.disagreed("cluster", "ErrMaintainerNotFounded", says=("Unknown",), kinds=ALL)
        row.heal("broker_linger")
        wait_for("truth is empty", lambda: not holds(row.truth(), ALL), 40)
        hold_shut(row, 8)
        row.drained()


def hold_shut(row, seconds):
    """Truth is empty by now, but not all who must say so do."""
    try:
        wait_for("it opens", row.is_open, seconds, 0.1)
    except TimeoutError:
        return
    raise AssertionError(f"opened although a witness cannot speak: {row.status()}")


# ---- row 12: maintainers that are not bootstrapped ----

def not_bootstrapped(family, seconds):
    """They list table 0 and count 1, exactly like the maintainers of changefeeds without tables; their dispatchers run on the target."""
    with cluster_of(family, grace=180, sim_args=SLOW) as cluster:
        row = Row(cluster)
        names = with_maintainer_elsewhere(row, 3 if seconds < 30 else 1)
        cluster.fault("unbootstrapped", changefeeds=names)
        row.delete()
        row.until("the lists are short", lambda: not any(tables_at(row, name) for name in names), 10)
        for name in names:
            path = f"/api/v2/changefeeds/{name}/get_dispatcher_count?keyspace=default"
            assert call("http://" + owner_address(cluster), "GET", path) == {"count": 1}
        if family == "N1":
            row.until("TiCDC has lied", row.lies, 40)
        row.hold(seconds)
        if family == "M":
            row.said("perhaps not bootstrapped")
        if family == "N1" or seconds > 30:
            row.disagreed("process", "0 maintainers", "dispatchers", says=("NotZero",))
        row.drained()


def scenario_row_12_not_bootstrapped_n1():
    not_bootstrapped("N1", 9)


def scenario_row_12_not_bootstrapped_m():
    not_bootstrapped("M", 18)


def scenario_row_12_not_bootstrapped_for_longer_than_the_rule():
    """After 30 s such a list is believed; the process is not asked about beliefs."""
    not_bootstrapped("M", 50)


def without_tables(family):
    """The other side of that rule: maintainers that truly have no tables look the same. It costs 30 s once, not for each of them."""
    with cluster_of(family, grace=150, sim_args=SLOW, changefeeds=24, tables=0) as cluster:
        row = Row(cluster)
        assert row.before["maintainers"] == 8 and row.before["dispatchers"] == 0, row.before
        row.delete()
        row.until("it has ended", row.is_open, 100)  # 30 s for all of them, and in M 30 s more for those that have moved
        row.drained()


def scenario_row_12_many_changefeeds_without_tables_n1():
    without_tables("N1")


def scenario_row_12_many_changefeeds_without_tables_m():
    without_tables("M")


# ---- row 13: belief against truth ----

def false_books(family):
    """The books say that the capture is empty while it runs dispatchers that nobody knows of: it never becomes empty, and it is never
    called drained. Released by policy at the deadline, with the witness that disagreed named."""
    with cluster_of(family, early_allowed=True, sim_args=SLOW) as cluster:
        row = Row(cluster)
        row.fault("belief_empty")
        row.delete(grace=28)
        row.until("no list names a dispatcher there", lambda: books(row) == 0, 15)
        if family == "N1":
            row.until("TiCDC has lied", row.lies, 20)
        row.until("nothing else is left", lambda: not row.truth()["maintainers"], 15)
        row.hold(5)
        assert books(row) == 0 and row.truth()["dispatchers"] >= 100, row.truth()
        row.disagreed("process", f"{row.truth()['dispatchers']} dispatchers", says=("NotZero",))
        status = row.by_policy("TimedOut", f"{row.truth()['dispatchers']} dispatchers")
        assert next(w for w in status["witnesses"] if w["name"] == "process")["says"] == "NotZero", status["witnesses"]
        assert row.stop()["early"], row.stop()


def scenario_row_13_false_books_n1():
    false_books("N1")


def scenario_row_13_false_books_m():
    false_books("M")


def spans_nowhere(family):
    """The lists have them under node "": on no capture, so not on this one. They run there all the same."""
    with cluster_of(family, grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("freeze", work="dispatchers")
        row.fault("spans_nowhere")
        assert books(row) == 0 and books(row, node="") == 200, (books(row), books(row, node=""))
        row.delete()
        row.hold(18)
        assert books(row) == 0 and books(row, node="") > 0 and row.truth()["dispatchers"] == 200
        row.disagreed("process", "200 dispatchers", says=("NotZero",))
        if family == "M":
            row.disagreed("cluster", "nowhere", says=("NotZero",))
        row.drained()


def scenario_row_13_spans_nowhere_n1():
    spans_nowhere("N1")


def scenario_row_13_spans_nowhere_m():
    spans_nowhere("M")


def scenario_row_13_message_names_the_witness():
    """In the phase Draining as well: the reason is WitnessesDisagree, and the message says which one, and its words."""
    with cluster_of("M", early_allowed=True, sim_args=SLOW) as cluster:
        row = Row(cluster)
        row.fault("belief_empty")
        row.delete(grace=20)
        row.until("they disagree", lambda: row.status().get("reason") == "WitnessesDisagree", 15)
        row.hold(4)
        row.said("witness process", "dispatchers")
        row.by_policy("TimedOut", "dispatchers")


# ---- row 14: redo ----

def redo_forgotten(family):
    """In mode 0 nothing is left; in mode 1, and in the process, it is."""
    with cluster_of(family, grace=150, sim_args=(*SLOW, "--redo", "6"), sidecar_args=("--batch-size", "500")) as cluster:
        row = Row(cluster)
        cluster.fault("freeze", work="dispatchers", mode=1)
        row.delete()
        row.until("mode 0 has moved", lambda: not row.truth()["maintainers"] and books(row) == 0, 60)
        row.hold()
        left = row.truth()["dispatchers"]
        redo = sum(len([t for t in tables_at(row, name, 1) if t]) for name in changefeeds(cluster)[:6])
        assert books(row) == 0 and left == redo > 0, (left, redo)
        name = "ticdc_dispatchermanager_table_dispatcher_count"
        assert (gauge(row, name, "eventDispatcher"), gauge(row, name, "redoDispatcher")) == (0, left)
        row.disagreed("process", f"0 maintainers, {left} dispatchers", says=("NotZero",))
        row.drained()


def scenario_row_14_redo_forgotten_n1():
    redo_forgotten("N1")


def scenario_row_14_redo_forgotten_m():
    redo_forgotten("M")


# ---- row 15: tables only ----

def scenario_row_15_maintainers_without_tables():
    """Every table has left, table 0 has not: maintainers and triggers are still there."""
    with cluster_of("M", grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        elsewhere = next(c["id"] for c in cluster.captures() if c["id"] != row.id)
        for name in changefeeds(cluster):
            for table in [t for t in tables_at(row, name) if t]:
                path = f"/api/v2/changefeeds/{name}/move_table?tableID={table}&targetNodeID={elsewhere}&mode=0&wait=false"
                assert fetch(owner_address(cluster), path, "POST")[0] == 200
        wait_for("the tables have left", lambda: row.truth()["dispatchers"] == 0, 20)
        cluster.fault("freeze", work="maintainers")
        row.delete()
        row.hold()
        assert books(row) == 0 and row.truth()["maintainers"] == 10 and row.truth()["triggers"] == 10, row.truth()
        assert sum(tables_at(row, name) == [0] for name in changefeeds(cluster)) == 10
        row.disagreed("process", "10 maintainers", says=("NotZero",))
        row.drained()


# ---- row 16: the processors API ----

def scenario_row_16_processors_are_never_asked():
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("freeze")
        row.delete()
        row.hold()
        name = changefeeds(cluster)[0]
        assert fetch(row.address, "/api/v2/processors") == (200, '{"total":0,"items":[]}')
        assert fetch(row.address, f"/api/v2/processors/{name}/{row.id}") == (200, '{"table_ids":null}')
        row.disagreed("process", "10 maintainers", "200 dispatchers")
        row.drained()
        asked = {k: n for k, n in cluster.judge()["requests"]["total"].items() if "processors" in k}
        assert sum(asked.values()) == 2, f"somebody else than this test asked: {asked}"
