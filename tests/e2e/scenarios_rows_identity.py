"""Contract 11, rows about who answers: 4, 5, 6, 26, 29. Lists are empty, names are stale, processes are not what they were."""

import socket

from claims import cluster_of, wait_moving
from harness import call, wait_for
from rows import SLOW, Row, ask_drain, fetch, holds, owner_address


# ---- row 4: an empty captures list ----

def scenario_row_04_captures_empty_from_the_start():
    """Nobody is listed, so "alone, nothing to drain": the object says that the list cannot be, and nothing else happens."""
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("captures_empty")
        assert fetch(row.address, "/api/v2/captures") == (200, '{"total":0,"items":[]}')
        row.delete()
        row.hold()
        assert row.acted("captures_empty") >= 4, "nobody asked"
        row.said("captures")
        assert row.status()["phase"] == "Pending", row.status()
        row.drained()


def in_the_middle(words, name, **fault):
    with cluster_of("N1", grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        cluster.fault("freeze")
        row.delete()
        row.until("TiCDC is being asked", row.answers, 20)
        cluster.fault(name, **fault)
        row.hold(12)
        assert row.acted(name) >= 4, "nobody asked"
        row.disagreed("process", "maintainers", "dispatchers")
        row.said(*words)
        row.drained()


def scenario_row_04_captures_empty_in_the_middle():
    in_the_middle((), "captures_empty")


def scenario_row_04_captures_undecodable_in_the_middle():
    in_the_middle((), "http", path_prefix="/api/v2/captures", action="garbage")


# ---- row 5: an answer about a capture that was ----

def add_work(cluster, count):
    for n in range(count):
        cluster.sim("POST", "/sim/changefeed", {"name": f"late-{n}", "tables": 6})


def restart(cluster, pod, signal=9):
    """Kills TiCDC in a pod; returns once the new capture is there."""
    old = cluster.capture_of(pod)["id"]
    cluster.kube_sim("POST", f"/sim/pods/tidb/{pod}/ticdc/kill", {"signal": signal})
    wait_for("the new capture is there", lambda: (cluster.capture_of(pod) or {"id": old})["id"] != old, 40)
    return old


def scenario_row_05_zero_for_the_capture_that_was_drained():
    """TiCDC goes on saying 0 for a capture that it has drained; the process has been restarted since, and works."""
    with cluster_of("N1", grace=120, sim_args=(*SLOW, "--ttl-ms", "2000")) as cluster:
        first = Row(cluster)
        first.apply()
        cluster.wait_phase("row", "Drained")
        old = restart(cluster, first.pod)
        wait_for("the old one has left", lambda: old not in [c["id"] for c in cluster.captures()], 20)
        wait_for("TiCDC is done with it", lambda: not cluster.sim("GET", "/sim/state")["clearing"], 20)
        add_work(cluster, 4)
        wait_for("the new one works", lambda: cluster.truth_of(first.pod)["maintainers"] >= 3, 30)
        wait_for("all is settled", lambda: cluster.sim("GET", "/sim/state")["ready"], 30)
        row = Row(cluster, first.pod)
        assert row.id != old and holds(row.before)
        assert ask_drain(cluster, old) == (202, '{"current_table_count":0}'), "TiCDC has forgotten"
        cluster.fault("freeze")
        row.delete()
        row.hold()
        assert {s.get("captureID") for _, s in row.seen if s.get("phase") == "Draining"} == {row.id}, row.seen[-1]
        row.disagreed("process", "maintainers")
        row.drained()


def scenario_row_05_vanished_capture_is_not_drained():
    """400, no such capture, for one that died before it was empty: that is an end, and not that of a drain."""
    with cluster_of("N1", sim_args=("--move-ms", "1500", "--ttl-ms", "3000")) as cluster:
        row = Row(cluster)
        row.apply()
        wait_moving(cluster, "row")
        old = restart(cluster, row.pod)
        gone = wait_for("TiCDC has forgotten it", lambda: (lambda a: a if a[0] == 400 else None)(ask_drain(cluster, old)), 20)
        assert "CDC:ErrCaptureNotExist" in gone[1], gone
        crash = row.stop()
        assert crash["how"] == "crash" and holds(crash["truth"]), crash
        status = cluster.wait_phase("row", "Failed", timeout=60)
        assert status["reason"] == "CaptureGone" and old in status["message"], status
        assert "before it was empty" in status["message"], status["message"]


# ---- row 6: two entries of one address ----

def twins(row):
    """Ids that the captures list has at the address."""
    listed = call("http://" + owner_address(row.cluster), "GET", "/api/v2/captures")["items"]
    return sorted(c["id"] for c in listed if c["address"] == row.address)


def stale_twin(family):
    """A dead entry is listed beside the capture until the very end; by the books it has no work at all."""
    with cluster_of(family, grace=120, sim_args=SLOW) as cluster:
        row = Row(cluster)
        row.fault("duplicate_address")
        assert len(twins(row)) == 2 and row.id in twins(row), twins(row)
        cluster.fault("freeze")
        row.delete()
        row.hold()
        assert len(twins(row)) == 2, twins(row)
        assert {s.get("captureID") for _, s in row.seen if s.get("captureID")} == {row.id}, row.seen[-1]
        row.disagreed("process", "10 maintainers", "200 dispatchers")
        row.heal("freeze")
        row.until("it ends although the twin is listed", row.is_open, 60)
        row.drained()


def scenario_row_06_stale_twin_n1():
    stale_twin("N1")


def scenario_row_06_stale_twin_m():
    stale_twin("M")


def restarted(family):
    """TiCDC was killed and is back under its address before its old lease has ended: the old id holds nothing, the new one does."""
    with cluster_of(family, grace=120, sim_args=(*SLOW, "--ttl-ms", "15000")) as cluster:
        pod = Row(cluster).pod
        old = restart(cluster, pod)
        add_work(cluster, 3)
        wait_for("the new one works", lambda: holds(cluster.truth_of(pod)), 10)
        row = Row(cluster, pod)
        assert twins(row) == sorted((old, row.id)), twins(row)
        row.delete()
        row.hold(4)
        assert twins(row) == sorted((old, row.id)), "too late: the twin has left"
        wait_for("it has found out whom to drain", lambda: row.status().get("captureID") or row.is_open(), 60)
        assert row.status()["captureID"] == row.id, row.status()
        row.drained()


def scenario_row_06_restarted_under_its_address_n1():
    restarted("N1")


def scenario_row_06_restarted_under_its_address_m():
    restarted("M")


# ---- row 26: two that claim to coordinate ----

def scenario_row_26_stale_owner_answers_zero():
    """It lost the election, does not know, and says 0 by what it remembers; meanwhile a dispatcher has come back."""
    with cluster_of("N1", grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        owner = owner_address(cluster)
        row.delete()
        row.until("TiCDC says 0", lambda: [a for a in row.answers() if a["count"] == 0], 40)
        cluster.fault("stale_owner", capture=owner)
        cluster.fault("coordinator_failover")
        row.fault("flow_back", ms=1)
        row.until("work is back", lambda: row.truth()["dispatchers"], 10)
        cluster.fault("freeze")
        wait_for("another one is elected", lambda: owner_address(cluster) != owner, 10)
        claims = [c["address"] for c in cluster.captures() if '"is_owner": true' in fetch(c["address"], "/status")[1]]
        assert len(claims) == 2 and owner in claims, claims
        row.hold()
        assert ask_drain(cluster, row.id, owner) == (202, '{"current_table_count":0}'), "the stale owner does not lie"
        assert row.lies(), "nobody lied"
        row.disagreed("process", "1 dispatchers")
        row.said("coordinator")
        row.drained()


def scenario_row_26_two_that_claim_in_m():
    """Whose list is it? As long as two say "mine", nothing is moved by either's word, and nothing is taken for done."""
    with cluster_of("M", grace=150, sim_args=SLOW) as cluster:
        row = Row(cluster)
        owner = owner_address(cluster)
        cluster.fault("stale_owner", capture=owner)
        cluster.fault("coordinator_failover")
        wait_for("another one is elected", lambda: owner_address(cluster) != owner, 10)
        row.delete()
        row.hold()
        claims = [c["address"] for c in cluster.captures() if '"is_owner": true' in fetch(c["address"], "/status")[1]]
        assert len(claims) == 2 and owner in claims, claims
        assert row.truth() == row.before, "something was moved"
        row.said("coordinator")
        row.drained()


# ---- row 29: a port that is closed ----

def port_is_closed(family):
    """SIGTERM in mid-drain: the port is refused at once, the key goes last. Refused is not stopped, and stopped is not drained."""
    with cluster_of(family, early_allowed=True, sim_args=("--move-ms", "1500", "--stop-ms", "25000")) as cluster:
        row = Row(cluster)
        row.apply()
        wait_moving(cluster, "row")
        cluster.kube_sim("POST", f"/sim/pods/tidb/{row.pod}/ticdc/kill", {"signal": 15})
        wait_for("the port is closed", lambda: is_refused(row.address), 5)
        wait_for("the judge has its stop", lambda: any(s["capture_id"] == row.id for s in cluster.judge()["stops"]), 5)
        assert row.stop()["early"], "there was nothing left"
        row.fault("http", path_prefix="/", action="reset")  # connections that were open would be served a while longer
        seen = []
        while row.id in {c["id"] for c in cluster.captures() if c["registered"]}:
            seen.append(cluster.status("row"))
            assert seen[-1]["phase"] in ("Draining", "Verifying"), f"refused, listed, and taken for {seen[-1]}"
        assert len(seen) > 20 and is_listed_refusal(seen), seen[-1]["witnesses"]
        status = cluster.wait_phase("row", "Failed", timeout=30)
        assert status["reason"] == "CaptureGone" and "before it was empty" in status["message"], status


def is_refused(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was accepted in the moment of closing
        return False
    return False


def is_listed_refusal(seen):
    """The witness of the process was unknown, and said why."""
    notes = [w["note"] for s in seen for w in s["witnesses"] if w["name"] == "process" and w["says"] == "Unknown"]
    return any("refused" in (note or "") for note in notes)


def scenario_row_29_refused_is_not_stopped_n1():
    port_is_closed("N1")


def scenario_row_29_refused_is_not_stopped_m():
    port_is_closed("M")
