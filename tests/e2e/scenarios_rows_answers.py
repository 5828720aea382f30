"""Contract 11, rows about the drain call's answer: 1, 2, 3, 28, 30. TiCDC, or something in front of it, says a 0 that is none."""

import json

from claims import assert_empty, cluster_of, delete_and_expect, follower
from harness import wait_for
from rows import SLOW, Row, ask_drain, fetch, holds

DRAIN = "/api/v1/captures/drain"
LARGE = ("--batch-size", "100")


# ---- row 1: the fake counter of N0 ----

def counter_lies(row):
    """Nine calls in ten say 0, while the capture holds all that it held."""
    answers = [ask_drain(row.cluster, row.id) for _ in range(10)]
    zeros = [a for a in answers if a == (202, '{"current_table_count":0}')]
    assert len(zeros) == 9, answers
    assert len(row.lies()) >= 9, row.answers()


def dispatchers_were_moved(row):
    """With move_table, before the process stopped. TiCDC's balance may bring some back every 5 s; what it cannot move are maintainers."""
    asked = sum(n for name, n in row.cluster.judge()["requests"]["total"].items() if name.endswith("/move_table"))
    stop = row.stop()["truth"]
    assert asked >= row.before["dispatchers"], f"{asked} moves were asked for: {stop}"
    assert stop["maintainers"] == 10 and stop["dispatchers"] <= row.before["dispatchers"] // 2, stop


def scenario_row_01_fake_counter_by_request():
    with cluster_of("N0", early_allowed=True) as cluster:
        row = Row(cluster)
        row.apply()
        status = cluster.wait_phase("row", "Unsupported", timeout=20)
        counter_lies(row)
        assert status["reason"] == "FakeDrain" and status["family"] == "N0", status
        assert "not believed" in status["message"] and "10 maintainers" in status["message"], status["message"]
        assert status["remaining"]["maintainers"] == 10, status
        assert row.truth()["maintainers"] == 10, row.truth()


def scenario_row_01_fake_counter_by_deletion():
    """What can be moved is moved right before the pod is let go; the maintainers, which N0 cannot move, are named."""
    with cluster_of("N0", early_allowed=True, grace=90, sim_args=SLOW, sidecar_args=LARGE) as cluster:
        row = Row(cluster)
        counter_lies(row)
        row.delete()
        status = row.by_policy("Unsupported", "10 maintainers", "not believed")
        assert status["reason"] == "FakeDrain" and status["family"] == "N0", status
        dispatchers_were_moved(row)


def scenario_row_01_fake_counter_on_the_coordinator():
    """TiCDC's ownership moves away first, so that the cluster is not without a coordinator when the process stops."""
    with cluster_of("N0", early_allowed=True, grace=90, sim_args=SLOW, sidecar_args=LARGE) as cluster:
        row = Row(cluster, cluster.ticdc_owner_pod())
        counter_lies(row)
        row.delete()
        row.by_policy("Unsupported", "10 maintainers")
        resigns = [e for e in cluster.judge()["timeline"] if e["event"] == "resign"]
        assert [e["capture_id"] for e in resigns][:1] == [row.id], f"the coordinator was stopped as such: {resigns}"
        assert resigns[0]["t"] < row.stop()["t"]
        dispatchers_were_moved(row)


# ---- row 2: the legacy fallback ----

def legacy_peer(cluster, row):
    others = [c for c in cluster.captures() if c["id"] != row.id]
    cluster.fault("legacy_peer", capture=others[0]["address"])


def scenario_row_02_legacy_peer_for_a_short_time():
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        legacy_peer(cluster, row)
        row.delete()
        row.until("TiCDC has lied", row.lies, 20)
        row.hold()
        assert len(row.lies()) >= 5, row.answers()
        assert fetch(row.address, "/status")[1].count('"liveness": 0'), "a genuine 0 comes after liveness 1 and 2"
        row.disagreed("answer", "TiCDC answers 0, not believed", says=("NotZero",))
        row.disagreed("process", "10 maintainers", "200 dispatchers")
        row.drained()


def scenario_row_02_zero_before_it_is_stopping():
    """A drain is on, liveness is 1, all work is there, and the answer is 0: a genuine one comes at liveness 2."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("freeze")
        cluster.fault("early_zero")
        row.delete()
        row.until("TiCDC has lied", row.lies, 20)
        row.hold()
        assert len(row.lies()) >= 5 and row.truth() == row.before, row.truth()
        assert fetch(row.address, "/status")[1].count('"liveness": 1')
        row.disagreed("answer", "TiCDC answers 0, not believed", says=("NotZero",))
        row.disagreed("process", "10 maintainers", "200 dispatchers")
        row.drained()


def scenario_row_02_object_keeps_up_with_its_witnesses():
    """What a witness says now is in the object within a few seconds, also when nothing else in it changes."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        legacy_peer(cluster, row)
        row.delete()
        row.until("TiCDC has lied", row.lies, 20)
        row.hold()
        row.disagreed("answer", "TiCDC answers 0, not believed", "liveness is Alive")
        row.drained()


def scenario_row_02_legacy_peer_for_good():
    """After 15 s of it no drain is to be expected: what can be moved is moved, and the object says why it ends."""
    with cluster_of("N1", early_allowed=True, grace=90, sim_args=SLOW, sidecar_args=LARGE) as cluster:
        row = Row(cluster)
        legacy_peer(cluster, row)
        row.delete()
        row.until("TiCDC has lied", row.lies, 20)
        row.hold()
        status = row.by_policy("Unsupported", "10 maintainers", timeout=60)
        assert status["reason"] == "MixedVersions", status
        dispatchers_were_moved(row)


# ---- rows 3 and 30: what is no answer at all ----

def not_an_answer(row, words, name, **fault):
    """Frozen work, and a drain call that is answered with something that a careless reader takes for 0."""
    row.cluster.fault(name, **fault)
    seen = len(row.seen)
    row.hold(4)
    acted = row.acted(name) if name == "http" else len([a for a in row.answers() if a["count"] is None])
    assert acted >= 2, f"{name} {fault} was never met"
    recent, row.seen = row.seen, row.seen[seen:]
    row.disagreed("answer", *words)
    row.seen = recent
    row.heal(name)


def begun_and_frozen(cluster, row):
    cluster.fault("freeze")
    row.delete()
    row.until("TiCDC is being asked", row.answers, 20)


def error(status, code):
    return {"path_prefix": DRAIN, "method": "PUT", "action": "status", "status": status,
            "body": json.dumps({"error_msg": f"[{code}]injected", "error_code": code})}


def scenario_row_03_no_count_in_the_body():
    """An object without the number, and errors of several kinds: decoded carelessly each of them is a count of 0."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        begun_and_frozen(cluster, row)
        not_an_answer(row, ("current_table_count",), "missing_field")
        not_an_answer(row, ("500", "ErrNotOwner"), "http", **error(500, "CDC:ErrNotOwner"))
        not_an_answer(row, ("401", "ErrUnauthorized"), "http", **error(401, "CDC:ErrUnauthorized"))
        not_an_answer(row, ("503",), "http", **error(503, "CDC:ErrServerIsNotReady"))
        row.drained()


def scenario_row_03_no_count_in_a_good_status():
    """200 instead of 202, null, a string, an empty body: not the documented answer, so none."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        begun_and_frozen(cluster, row)
        for status, body, word in ((200, '{"current_table_count":0}', "200"), (202, '{"current_table_count":null}', "current_table_count"),
                                   (202, '{"current_table_count":"0"}', "current_table_count"), (202, "", "JSON")):
            not_an_answer(row, (word,), "http", path_prefix=DRAIN, method="PUT", action="status", status=status, body=body)
        row.drained()


def scenario_row_30_no_such_route_in_the_middle():
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        begun_and_frozen(cluster, row)
        not_an_answer(row, ("404",), "http", path_prefix=DRAIN, method="PUT", action="status", status=404, body="404 page not found")
        row.drained()


def scenario_row_30_no_such_route_from_the_start():
    """A proxy that knows nothing: not even what this TiCDC can do is found out, and the object says so."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("http", path_prefix=DRAIN, method="PUT", action="status", status=404, body="404 page not found")
        row.delete()
        row.hold()
        assert row.acted("http") >= 2, "nobody asked"
        assert row.status()["phase"] == "Pending" and row.status()["reason"] == "Detecting", row.status()
        row.said("404")
        row.drained()


def scenario_row_30_no_such_route_anywhere_on_the_capture():
    """404 to everything that its own process is asked: not one witness says anything, which is not nothing left."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        begun_and_frozen(cluster, row)
        row.fault("http", path_prefix="/", action="status", status=404, body="404 page not found")
        row.hold(18)
        assert row.acted("http") >= 5, "nobody asked"
        row.disagreed("process", "404", says=("Unknown",))
        row.drained()


# ---- row 28: the slot of another target ----

def slot_is_taken(row):
    """TiCDC says 1 for this capture, again and again, and does nothing about it."""
    assert [ask_drain(row.cluster, row.id) for _ in range(3)] == [(202, '{"current_table_count":1}')] * 3, "the slot is free"
    assert row.truth() == row.before, (row.before, row.truth())


def second(cluster, first):
    return Row(cluster, next(p for p in ("ticdc-0", "ticdc-1", "ticdc-2") if p not in (first, cluster.ticdc_owner_pod())))


def scenario_row_28_slot_of_a_drained_capture():
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        first = follower(cluster)
        cluster.apply("first", podName=first)
        cluster.wait_phase("first", "Drained")
        row = second(cluster, first)
        slot_is_taken(row)
        row.delete()
        row.hold()
        slot_is_taken(row)
        assert row.status()["reason"] == "WaitingForSlot" and row.status()["blockedBy"] == first, row.status()
        row.said(first, "only drain slot")
        delete_and_expect(cluster, first, timeout=40)  # as the object says that one should
        row.drained()


def scenario_row_28_slot_of_a_drain_that_somebody_else_began():
    """No object tells of that drain: the peers' own liveness does."""
    with cluster_of("N1", grace=150, sim_args=SLOW) as cluster:
        first = follower(cluster)
        foreign = cluster.capture_of(first)
        wait_for("a drain by hand is complete", lambda: ask_drain(cluster, foreign["id"])[1] == '{"current_table_count":0}', 30, 0.5)
        assert_empty(cluster, first)
        row = second(cluster, first)
        slot_is_taken(row)
        row.delete()
        row.hold(12)
        slot_is_taken(row)
        row.said(first)
        assert not holds(cluster.truth_of(first)), "work went to a capture that is drained"
        cluster.kube_sim("POST", f"/sim/pods/tidb/{first}/ticdc/kill", {"signal": 9})
        row.drained()
