"""Contract 11, rows 23 and 27: work that no list has, of other keyspaces and of changefeeds that rest."""

from claims import cluster_of
from rows import SLOW, Row, books, changefeeds, maintainer_of, tables_at


def scenario_row_23_another_keyspace():
    """Nobody can list it or move it. The process still counts it: released by policy at the deadline, and named."""
    with cluster_of("M", early_allowed=True, sim_args=SLOW) as cluster:
        row = Row(cluster)
        hidden = [name for name in changefeeds(cluster) if maintainer_of(cluster, name) == row.address][:3]
        cluster.fault("hidden_changefeeds", changefeeds=hidden)
        assert not set(hidden) & set(changefeeds(cluster)) and len(changefeeds(cluster)) == 27
        row.delete(grace=40)
        row.until("no list names it any more", lambda: row.truth()["maintainers"] == 3 and books(row) == 0, 30)
        row.hold(5)
        left = row.truth()
        assert left["maintainers"] == 3 and left["dispatchers"] >= 15, left
        words = f"3 maintainers, {left['dispatchers']} dispatchers"
        row.disagreed("process", words, says=("NotZero",))
        row.by_policy("TimedOut", f"{left['dispatchers']} dispatchers", "3 maintainers")
        assert row.stop()["early"], row.stop()


def rests(family, state):
    """The books know nothing of it from one moment to the next; its dispatchers take 12 s to close."""
    with cluster_of(family, grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        for name in [name for name in changefeeds(cluster) if tables_at(row, name)]:
            cluster.fault("rest", changefeed=name, state=state, ms=12000)
        assert books(row) == 0
        row.delete()
        if family == "N1":
            row.until("TiCDC has lied", row.lies, 20)
        row.hold(8)
        assert books(row) == 0, "the books know of it"
        row.disagreed("process", "200 dispatchers", says=("NotZero",))
        row.drained()


def scenario_row_23_finished_changefeeds_n1():
    rests("N1", "finished")


def scenario_row_23_finished_changefeeds_m():
    rests("M", "finished")


def scenario_row_27_paused_changefeeds_n1():
    rests("N1", "stopped")


def scenario_row_27_paused_changefeeds_m():
    rests("M", "stopped")
