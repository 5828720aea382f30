"""The contract's main claims, asked of the running simulator over real HTTP. Every wait polls under a deadline; nothing sleeps and hopes.

    python3 tests/fakes/test_ticdc_sim.py [-v] [Class.test]
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENV = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
NOBODY = "00000000-0000-4000-8000-000000000000"
STATUS_KEYS = ["version", "git_hash", "id", "cluster_id", "pid", "is_owner", "liveness"]
_networks = iter(range(1, 250))


def run(*args):
    return subprocess.Popen(["/usr/bin/python3", "-m", "ticdc_sim", *args], env=ENV, stdout=subprocess.PIPE, text=True)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.type = response.getheader("Content-Type")
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def code(self):
        return self.json["error_code"]


def call(address, method, path, body=None, headers=None, timeout=10):
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def until(claim, seconds=10):
    """The first true value of `claim`, which may fail with a connection error on the way."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = claim()
        except OSError:
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not true within the deadline")
        time.sleep(0.02)


class Sim:
    """A cluster process and three capture processes, each on an address of its own."""

    def __init__(self, family, *args):
        self._central = run("cluster", "--family", family, "--changefeeds", "6", "--tables", "60", "--redo", "1", "--move-ms", "150",
                            "--ttl-ms", "1000", "--stop-ms", "200", "--bootstrap-ms", "50", *args)
        self.control = self._central.stdout.readline().split()[-1]
        network = next(_networks)
        self.addresses = [f"127.{100 + os.getpid() % 100}.{network}.{i}:8300" for i in (1, 2, 3)]
        self.processes = {}
        for address in self.addresses:
            self.start(address)
        self.wait_ready()

    def start(self, address):
        if address in self.processes:
            self.reap(self.processes[address])
        self.processes[address] = run("capture", "--control", self.control, "--listen", address)

    def close(self):
        for process in [*self.processes.values(), self._central]:
            self.reap(process)

    def reap(self, process):
        process.kill()
        process.wait()
        process.stdout.close()

    def wait_ready(self):
        until(lambda: self.state()["ready"])

    def state(self):
        return call(self.control, "GET", "/sim/state").json

    def judge(self):
        return call(self.control, "GET", "/sim/judge").json

    def fault(self, name, **args):
        answer = call(self.control, "POST", "/sim/fault", json.dumps({"name": name, **args}))
        if answer.status != 200:
            raise AssertionError(answer.text)

    def heal(self):
        call(self.control, "DELETE", "/sim/fault")

    def capture(self, address):
        return next(c for c in self.state()["captures"] if c["address"] == address and c["up"])

    def id(self, address):
        return self.capture(address)["id"]

    def truth(self, address):
        return self.capture(address)["truth"]

    def owner(self):
        return until(lambda: (self.state()["coordinator"] or {}).get("address"))

    def other(self, *taken):
        return next(a for a in self.addresses if a not in taken)

    def drain(self, address, capture_id, **headers):
        return call(address, "PUT", "/api/v1/captures/drain", json.dumps({"capture_id": capture_id}), headers)

    def drain_until_zero(self, target):
        """The counts and livenesses seen on the way."""
        seen, capture_id = [], self.id(target)
        def zero():
            count = self.drain(target, capture_id).json["current_table_count"]
            seen.append((count, call(target, "GET", "/status").json["liveness"]))
            return count == 0
        until(zero)
        return seen

    def detail(self, changefeed):
        return call(self.owner(), "GET", f"/api/v2/changefeeds/{changefeed}").json

    def tables(self, changefeed, mode=0):
        """{capture id: table ids} as its maintainer tells."""
        answer = call(self.addresses[0], "GET", f"/api/v2/changefeeds/{changefeed}/tables?mode={mode}")
        return {item["node_id"]: item["table_ids"] for item in answer.json["items"]} if answer.status == 200 else {}


class SimCase(unittest.TestCase):
    """One simulator for the tests of a class; `family` names it."""

    family = None

    @classmethod
    def setUpClass(cls):
        cls.sim = Sim(cls.family)
        cls.addClassCleanup(cls.sim.close)

    def tearDown(self):
        self.sim.heal()


class FreshCase(unittest.TestCase):
    """A simulator of its own for each test."""

    def start(self, family, *args):
        sim = Sim(family, *args)
        self.addCleanup(sim.close)
        return sim


class Shapes(SimCase):
    family = "N1"

    def test_status_is_the_same_on_three_paths_with_keys_in_order(self):
        for path in ("/status", "/api/v1/status", "/api/v2/status"):
            answer = call(self.sim.addresses[0], "GET", path)
            self.assertEqual(list(answer.json), STATUS_KEYS)
            self.assertTrue(answer.text.startswith('{\n    "version"'))
            self.assertEqual((answer.status, answer.type), (200, "application/json; charset=utf-8"))

    def test_exactly_one_capture_is_owner(self):
        owners = [a for a in self.sim.addresses if call(a, "GET", "/status").json["is_owner"]]
        self.assertEqual(owners, [self.sim.owner()])

    def test_captures_v1_is_an_array_and_v2_an_object(self):
        items = call(self.sim.addresses[1], "GET", "/api/v2/captures").json
        self.assertEqual((items["total"], len(items["items"])), (3, 3))
        self.assertEqual(set(items["items"][0]), {"id", "is_owner", "address", "cluster_id"})
        plain = call(self.sim.addresses[2], "GET", "/api/v1/captures")
        self.assertEqual({c["id"] for c in plain.json}, {c["id"] for c in items["items"]})
        self.assertNotIn("\n", plain.text)

    def test_changefeeds_are_listed_without_maintainer(self):
        answer = call(self.sim.addresses[0], "GET", "/api/v2/changefeeds").json
        self.assertEqual(answer["total"], 6)
        self.assertEqual(set(answer["items"][0]), {"upstream_id", "id", "keyspace", "state", "checkpoint_tso", "checkpoint_time", "error"})

    def test_detail_has_gid_and_address_and_no_task_status(self):
        detail = self.sim.detail("changefeed-000")
        self.assertIn(detail["maintainer_addr"], self.sim.addresses)
        self.assertEqual(set(detail["gid"]), {"low", "high"})
        self.assertNotIn("task_status", detail)
        self.assertEqual(detail["config"]["consistent"]["level"], "eventual")

    def test_unknown_changefeed_is_400(self):
        answer = call(self.sim.addresses[0], "GET", "/api/v2/changefeeds/nobody")
        self.assertEqual((answer.status, answer.code), (400, "CDC:ErrChangeFeedNotExists"))

    def test_tables_list_each_table_once_and_the_trigger_at_the_maintainer(self):
        nodes = self.sim.tables("changefeed-000")
        ids = [t for tables in nodes.values() for t in tables]
        self.assertEqual((len(ids), len(set(ids)), ids.count(0)), (11, 11, 1))
        home = next(node for node, tables in nodes.items() if 0 in tables)
        self.assertEqual(self.sim.id(self.sim.detail("changefeed-000")["maintainer_addr"]), home)

    def test_mode_1_exists_with_redo_only(self):
        self.assertEqual(sum(map(len, self.sim.tables("changefeed-000", 1).values())), 11)
        answer = call(self.sim.addresses[0], "GET", "/api/v2/changefeeds/changefeed-001/tables?mode=1")
        self.assertEqual((answer.status, answer.text, answer.type), (500, "", None))

    def test_dispatcher_count_includes_the_trigger(self):
        answer = call(self.sim.addresses[0], "GET", "/api/v2/changefeeds/changefeed-001/get_dispatcher_count")
        self.assertEqual(answer.json, {"count": 11})

    def test_host_header_that_is_no_capture_breaks_maintainer_routes_only(self):
        host = {"Host": "localhost"}
        for path in ("tables", "get_dispatcher_count"):
            answer = call(self.sim.addresses[0], "GET", f"/api/v2/changefeeds/changefeed-000/{path}", headers=host)
            self.assertEqual((answer.status, answer.code), (500, ""))
        self.assertEqual(call(self.sim.addresses[0], "GET", "/api/v2/changefeeds/changefeed-000", headers=host).status, 200)

    def test_unknown_name_on_a_maintainer_route_is_no_maintainer(self):
        answer = call(self.sim.addresses[0], "GET", "/api/v2/changefeeds/nobody/tables")
        self.assertEqual((answer.status, answer.json), (
            500, {"error_msg": "Can't not find maintainer for changefeed: nobody", "error_code": ""}))

    def test_unknown_routes_are_404_text(self):
        for method, path in (("GET", "/api/v2/nothing"), ("GET", "/api/v1/captures/drain"), ("PUT", "/api/v2/captures/x/drain"),
                             ("POST", "/api/v2/changefeeds/changefeed-000/move_maintainer?targetNodeID=x")):
            answer = call(self.sim.addresses[0], method, path)
            self.assertEqual((answer.status, answer.text, answer.type), (404, "404 page not found", "text/plain"))

    def test_processors_are_always_empty(self):
        self.assertEqual(call(self.sim.addresses[0], "GET", "/api/v2/processors").text, '{"total":0,"items":[]}')

    def test_health_and_config(self):
        self.assertEqual(call(self.sim.addresses[0], "GET", "/api/v2/health").text, "{}")
        config = call(self.sim.addresses[0], "GET", "/config").json
        self.assertEqual((config["newarch"], config["capture-session-ttl"]), (True, 1))

    def test_malformed_drain_body_is_400_in_text_plain(self):
        answer = call(self.sim.addresses[0], "PUT", "/api/v1/captures/drain", "{")
        self.assertEqual((answer.status, answer.code), (400, "CDC:ErrAPIInvalidParam"))
        self.assertTrue(answer.type.startswith("text/plain"))

    def test_bogus_id_and_the_owner_itself_are_refused(self):
        for body in (NOBODY, ""):
            answer = self.sim.drain(self.sim.addresses[0], body)
            self.assertEqual((answer.status, answer.code), (400, "CDC:ErrCaptureNotExist"))
        answer = self.sim.drain(self.sim.addresses[0], self.sim.id(self.sim.owner()))
        self.assertEqual((answer.status, answer.code), (400, "CDC:ErrSchedulerRequestFailed"))
        self.assertIn("cannot drain the owner", answer.json["error_msg"])

    def test_legacy_peer_and_unknown_capability_answer_without_a_session(self):
        sim = self.sim
        target = sim.other(sim.owner())
        sim.fault("capability_unknown", capture=sim.owner())
        self.assertEqual(sim.drain(target, sim.id(target)).json, {"current_table_count": 1})
        sim.heal()
        sim.fault("legacy_peer", capture=sim.owner())
        until(lambda: sim.drain(target, sim.id(target)).json == {"current_table_count": 0})
        self.assertIsNone(sim.state()["session"])
        self.assertEqual(sim.capture(target)["liveness"], 0)

    def test_metrics_tell_the_truth_of_the_answering_process(self):
        address = self.sim.addresses[0]
        until(lambda: "dispatcher_status_count" in call(address, "GET", "/metrics").text)
        text, truth = call(address, "GET", "/metrics").text, self.sim.truth(address)
        self.assertEqual(total(text, "ticdc_changefeed_maintainer_counter"), truth["maintainers"])
        self.assertEqual(total(text, "ticdc_dispatchermanager_table_dispatcher_count"), truth["dispatchers"])
        self.assertEqual(total(text, "ticdc_dispatchermanager_table_trigger_dispatcher_count"), truth["triggers"])
        self.assertEqual(total(text, "ticdc_event_service_dispatcher_status_count", 'status="total"'), truth["brokers"])
        self.assertEqual(total(text, "ticdc_dispatchermanagermanager_event_dispatcher_manager_count"), 6)
        for name in ("ticdc_owner_ownership_counter", "ticdc_dispatcher_event_collector_registered_dispatcher_count",
                     "process_start_time_seconds", "go_info"):
            self.assertRegex(text, rf"(?m)^# TYPE {name} \w+\n{name}[ {{]")


def total(text, name, label=""):
    lines = [line for line in text.splitlines() if re.match(rf"{name}[ {{]", line) and label in line]
    return int(sum(float(line.split()[-1]) for line in lines))


class FakeDrain(FreshCase):
    def test_n0_counts_calls_per_coordinator_process(self):
        sim = self.start("N0")
        first = sim.owner()
        bogus = sim.drain(first, NOBODY)
        self.assertEqual((bogus.status, bogus.text), (202, '{"current_table_count":0}'))
        sim.fault("coordinator_failover")
        until(lambda: sim.owner() != first)
        counts = [sim.drain(sim.owner(), NOBODY).json["current_table_count"] for _ in range(20)]
        self.assertEqual(counts, ([0] * 9 + [10]) * 2)
        self.assertEqual([c["liveness"] for c in sim.state()["captures"]], [0, 0, 0])

    def test_n0_moves_tables_and_they_flow_back(self):
        sim = self.start("N0")
        source, target = sim.id(sim.addresses[0]), sim.id(sim.addresses[1])
        moved = [t for t in sim.tables("changefeed-002")[source] if t]
        for table in moved:
            path = f"/api/v2/changefeeds/changefeed-002/move_table?tableID={table}&targetNodeID={target}&mode=0&wait=false"
            answer = call(sim.addresses[2], "POST", path)
            self.assertEqual((answer.status, answer.text), (200, "{}"))
        until(lambda: not [t for t in sim.tables("changefeed-002").get(source, [0]) if t])
        until(lambda: len([t for t in sim.tables("changefeed-002").get(source, []) if t]) == 3, 12)

    def test_n0_exits_with_1_and_answers_move_maintainer_with_404(self):
        sim = self.start("N0")
        path = f"/api/v2/changefeeds/changefeed-000/move_maintainer?targetNodeID={sim.id(sim.addresses[0])}"
        self.assertEqual(call(sim.addresses[0], "POST", path).status, 404)
        process = sim.processes[sim.addresses[1]]
        process.terminate()
        self.assertEqual(process.wait(5), 1)


class NativeDrain(FreshCase):
    def test_drain_goes_from_work_through_draining_and_stopping_to_zero(self):
        sim = self.start("N1")
        target = sim.other(sim.owner())
        capture_id, seen = sim.id(target), sim.drain_until_zero(target)
        self.assertGreaterEqual(seen[0][0], 1)
        self.assertEqual(sorted(liveness for _, liveness in seen), [liveness for _, liveness in seen])
        self.assertEqual((seen[-1], {liveness for _, liveness in seen}), ((0, 2), {0, 1, 2}))
        self.assertEqual(sim.truth(target), {"maintainers": 0, "dispatchers": 0, "triggers": 0, "brokers": 0})
        self.assertNotIn(capture_id, [node for i in range(6) for node in sim.tables(f"changefeed-{i:03d}")])

        third = sim.other(sim.owner(), target)
        self.assertEqual(sim.drain(third, sim.id(third)).json, {"current_table_count": 1}, "row 8: another session")
        process = sim.processes[target]
        process.terminate()
        until(lambda: refused(target))
        self.assertIn(capture_id, captures(sim), "the key goes last")
        self.assertEqual(process.wait(5), 0)
        until(lambda: capture_id not in captures(sim))
        self.assertEqual(sim.drain(third, capture_id).json, {"current_table_count": 0}, "rows 5 and 6: completed")
        self.assertEqual(sim.drain(third, sim.id(third)).json, {"current_table_count": 1}, "rows 8 and 9: clear phase")
        until(lambda: not sim.state()["clearing"] and not sim.state()["session"])
        judge = sim.judge()
        self.assertEqual([(s["how"], s["early"]) for s in judge["stops"]], [("sigterm", False)])
        self.assertEqual((judge["moves_to_draining"], judge["lost"], judge["doubled"]), (0, [], []))
        self.assertEqual(judge["requests"]["captures"][target]["PUT /api/v1/captures/drain"], len(seen))

    def test_failover_voids_a_drain(self):
        sim = self.start("N1", "--bootstrap-ms", "500")
        first = sim.owner()
        target = sim.other(first)
        sim.drain_until_zero(target)
        sim.fault("coordinator_failover")
        second = until(lambda: sim.owner() != first and sim.owner())
        self.assertNotEqual(second, target, "a draining node never leads")
        answer = call(second, "GET", "/api/v2/changefeeds")
        self.assertEqual((answer.status, answer.json["error_msg"]), (500, "coordinator is not fully initialized, wait a moment"))
        self.assertEqual(sim.drain(second, sim.id(target)).json, {"current_table_count": 1}, "row 10")
        call(sim.control, "POST", "/sim/changefeed", json.dumps({"name": "late", "tables": 3}))
        until(lambda: sim.state()["coordinator"]["bootstrapped"])
        until(lambda: not sim.state()["clearing"])
        self.assertEqual(sim.state()["absent"]["maintainers"], 1, "placement is frozen without a session")
        sim.drain_until_zero(target)
        until(lambda: sim.state()["ready"])

    def test_fence_shows_liveness_2_with_work_left(self):
        sim = self.start("N1")
        target = sim.other(sim.owner())
        sim.fault("fence", capture=target)
        self.assertEqual(call(target, "GET", "/status").json["liveness"], 2)
        self.assertGreater(sim.truth(target)["maintainers"], 0)

    def test_belief_can_be_empty_while_the_truth_is_not(self):
        sim = self.start("N1")
        target = sim.other(sim.owner())
        sim.fault("belief_empty", capture=target)
        sim.drain_until_zero(target)
        self.assertGreater(sim.truth(target)["dispatchers"], 0)
        self.assertNotIn(sim.id(target), [node for i in range(6) for node in sim.tables(f"changefeed-{i:03d}")])

    def test_broker_registrations_linger_and_work_flows_back(self):
        sim = self.start("N1")
        target = sim.other(sim.owner())
        sim.fault("broker_linger", ms=60000)
        sim.fault("flow_back", capture=target, ms=100)
        sim.drain_until_zero(target)
        self.assertGreater(sim.truth(target)["brokers"], 1)
        until(lambda: sim.truth(target)["dispatchers"] == 1)


def refused(address):
    try:
        call(address, "GET", "/status")
    except ConnectionRefusedError:
        return True
    return False


def captures(sim):
    return [c["id"] for c in call(sim.owner(), "GET", "/api/v2/captures").json["items"]]


class Leadership(FreshCase):
    def test_sigterm_is_early_with_work_and_kill_keeps_the_key_until_the_lease_ends(self):
        sim = self.start("M")
        owner = sim.owner()
        killed = sim.other(owner)
        stopped = sim.other(owner, killed)
        killed_id, began = sim.id(killed), time.monotonic()
        sim.processes[killed].kill()
        until(lambda: refused(killed))
        self.assertIn(killed_id, captures(sim))
        until(lambda: killed_id not in captures(sim))
        self.assertGreater(time.monotonic() - began, 0.9)
        until(lambda: not any(sim.state()["absent"].values()) and not any(sim.state()["moving"].values()))
        sim.processes[stopped].send_signal(signal.SIGTERM)
        self.assertEqual(sim.processes[stopped].wait(5), 0)
        crash, term = sim.judge()["stops"]
        self.assertEqual((crash["how"], crash["early"], crash["capture_id"]), ("crash", False, killed_id))
        self.assertEqual((term["how"], term["early"]), ("sigterm", True))
        self.assertGreater(term["truth"]["maintainers"], 0)

        sim.start(stopped)
        sim.start(killed)
        sim.wait_ready()
        self.assertNotEqual(sim.id(killed), killed_id)

    def test_owner_killed_means_dial_errors_then_another_owner(self):
        sim = self.start("M")
        owner = sim.owner()
        asked = sim.other(owner)
        sim.processes[owner].kill()
        until(lambda: refused(owner))
        answer = call(asked, "GET", "/api/v2/captures")
        self.assertEqual((answer.status, answer.code), (500, ""))
        self.assertIn("connection refused", answer.json["error_msg"])
        until(lambda: call(asked, "GET", "/api/v2/captures").status == 200)
        sim.start(owner)
        sim.wait_ready()


class Managed(SimCase):
    family = "M"

    def move(self, changefeed, capture_id, wait="false", **headers):
        path = f"/api/v2/changefeeds/{changefeed}/move_maintainer?targetNodeID={capture_id}&wait={wait}"
        return call(self.sim.addresses[0], "POST", path, headers=headers)

    def test_move_maintainer_moves_it_with_its_triggers_only(self):
        home = self.sim.detail("changefeed-000")["maintainer_addr"]
        target = self.sim.other(home)
        before = {a: self.sim.truth(a) for a in (home, target)}
        self.assertEqual(self.move("changefeed-000", self.sim.id(target)).text, "{}")
        again = self.move("changefeed-000", self.sim.id(target))
        self.assertEqual((again.status, again.code), (500, "CDC:ErrOperatorIsNil"))
        until(lambda: call(self.sim.addresses[0], "GET", "/api/v2/changefeeds/changefeed-000/tables").status == 500)
        self.assertEqual(self.sim.detail("changefeed-000")["maintainer_addr"], target, "named before it is there")
        until(lambda: sum(map(len, self.sim.tables("changefeed-000").values())) == 1
              if self.sim.truth(target)["maintainers"] > before[target]["maintainers"] else False)
        self.sim.wait_ready()
        after = {a: self.sim.truth(a) for a in (home, target)}
        self.assertEqual(after[target]["triggers"] - before[target]["triggers"], 2, "mode 0 and redo")
        self.assertEqual(after[home]["maintainers"] - before[home]["maintainers"], -1)
        self.assertEqual(after[home]["dispatchers"], before[home]["dispatchers"])
        self.assertEqual(self.move("changefeed-000", self.sim.id(target)).text, "{}", "there already")

    def test_move_maintainer_waits_by_default(self):
        home = self.sim.detail("changefeed-001")["maintainer_addr"]
        target = self.sim.other(home)
        path = f"/api/v2/changefeeds/changefeed-001/move_maintainer?targetNodeID={self.sim.id(target)}"
        self.assertEqual(call(home, "POST", path).status, 200)
        self.assertEqual(self.sim.detail("changefeed-001")["maintainer_addr"], target)
        self.assertGreaterEqual(self.sim.judge()["max_concurrent"]["maintainers"], 1)

    def test_move_maintainer_refusals(self):
        here = self.sim.id(self.sim.addresses[0])
        self.assertEqual((self.move("nobody", here).status, self.move("nobody", here).code), (400, "CDC:ErrChangeFeedNotExists"))
        self.assertEqual((self.move("changefeed-000", NOBODY).status, self.move("changefeed-000", NOBODY).code),
                         (500, "CDC:ErrNodeIsNotFound"))
        self.sim.fault("auth_401", user="root", password="secret")
        self.assertEqual((self.move("nobody", here).status, self.move("nobody", here).code), (401, "CDC:ErrCredentialNotFound"))
        self.assertEqual(self.move("nobody", here, Authorization="Basic bm8=").code, "CDC:ErrUnauthorized")
        self.assertEqual(self.move("nobody", here, Authorization="Basic cm9vdDpzZWNyZXQ=").status, 400)

    def test_move_table_refusals(self):
        def move(query):
            answer = call(self.sim.addresses[0], "POST", f"/api/v2/changefeeds/changefeed-003/move_table?{query}")
            return answer.status, answer.code
        here = self.sim.id(self.sim.addresses[0])
        known = max(max(ids) for ids in self.sim.tables("changefeed-003").values())
        self.assertEqual(move(f"tableID=x&targetNodeID={here}"), (500, ""))
        self.assertEqual(move(f"tableID=5&targetNodeID={here}"), (500, "CDC:ErrTableIsNotFounded"))
        self.assertEqual(move(f"tableID=0&targetNodeID={here}"), (500, "CDC:ErrTableNotSupportMove"))
        self.assertEqual(move(f"tableID={known}&targetNodeID={NOBODY}"), (500, "CDC:ErrNodeIsNotFound"))

    def test_an_absent_changefeed_waits_for_move_maintainer_if_basic_placement_is_off(self):
        self.sim.fault("basic_placement", enabled=False)
        call(self.sim.control, "POST", "/sim/changefeed", json.dumps({"name": "absent", "tables": 2}))
        self.assertNotIn("maintainer_addr", self.sim.detail("absent"))
        self.assertEqual(self.move("absent", self.sim.id(self.sim.addresses[1])).status, 200)
        until(lambda: self.sim.tables("absent").get(""))
        self.sim.fault("basic_placement", enabled=True)
        until(lambda: "" not in self.sim.tables("absent"))
        self.assertEqual(call(self.sim.control, "POST", "/sim/changefeed/absent/pause").status, 200)
        self.assertEqual(self.sim.detail("absent")["state"], "stopped")
        self.assertNotIn("maintainer_addr", self.sim.detail("absent"))
        until(lambda: sum(c["truth"]["triggers"] for c in self.sim.state()["captures"]) == 7)

    def test_move_maintainer_starts_a_maintainer_that_nobody_runs_where_it_is_told_to(self):
        sim = self.sim
        sim.fault("basic_placement", enabled=False, work="maintainers")
        call(sim.control, "POST", "/sim/changefeed", json.dumps({"name": "nowhere", "tables": 2, "redo": True}))
        target = sim.other(sim.owner())
        before = sim.truth(target)
        refused = self.move("nowhere", NOBODY)
        self.assertEqual((refused.status, refused.code), (500, "CDC:ErrNodeIsNotFound"))
        self.assertNotIn("maintainer_addr", sim.detail("nowhere"))
        self.assertEqual(self.move("nowhere", sim.id(target)).text, "{}")
        again = self.move("nowhere", sim.id(target))
        self.assertEqual((again.status, again.code), (500, "CDC:ErrOperatorIsNil"))
        until(lambda: sim.tables("nowhere") and "" not in sim.tables("nowhere"))
        self.assertEqual(sim.detail("nowhere")["maintainer_addr"], target)
        self.assertEqual(sim.truth(target)["maintainers"] - before["maintainers"], 1)
        self.assertEqual(sim.truth(target)["triggers"] - before["triggers"], 2, "mode 0 and redo")
        until(lambda: self.move("nowhere", sim.id(target)).text == "{}")  # there already, its start is over
        sim.fault("basic_placement", enabled=True)
        self.assertEqual(call(sim.control, "POST", "/sim/changefeed/nowhere/pause").status, 200)
        stopped = self.move("nowhere", sim.id(target))
        self.assertEqual((stopped.status, stopped.code), (500, "CDC:ErrOperatorIsNil"), "what does not run is not started")
        until(lambda: sim.truth(target)["maintainers"] == before["maintainers"])

    def test_resign_moves_the_ownership_and_counts(self):
        sim = self.sim
        first = sim.owner()
        answer = call(sim.other(first), "POST", "/api/v2/owner/resign")
        self.assertEqual((answer.status, answer.text), (200, "{}"))
        second = until(lambda: sim.owner() != first and sim.owner())
        answer = call(second, "POST", "/api/v1/owner/resign")
        self.assertEqual((answer.status, answer.text), (202, "{}"))
        until(lambda: sim.owner() not in (first, second))
        self.assertEqual(sim.judge()["resigns"], 2)
        sim.wait_ready()

    def test_drain_is_the_fake_counter_and_liveness_stays_0(self):
        self.assertEqual(self.sim.drain(self.sim.addresses[0], NOBODY).status, 202)
        self.assertEqual({call(a, "GET", "/status").json["liveness"] for a in self.sim.addresses}, {0})


class Faults(SimCase):
    family = "M"

    def http(self, action, **args):
        self.sim.heal()
        self.sim.fault("http", action=action, path_prefix="/status", capture=self.sim.addresses[0], **args)
        return call(self.sim.addresses[0], "GET", "/status", timeout=1)

    def test_http_answers_can_be_bad_in_every_way(self):
        self.assertEqual(self.http("status", status=503, body="busy").text, "busy")
        self.assertEqual(self.http("empty").text, "")
        self.assertRaises(ValueError, lambda: self.http("garbage").json)
        self.assertRaises(http.client.IncompleteRead, self.http, "truncate")
        self.assertRaises(ConnectionResetError, self.http, "reset")
        began = time.monotonic()
        self.assertEqual(self.http("slow", delay_ms=300).status, 200)
        self.assertGreater(time.monotonic() - began, 0.29)

    def test_a_hang_holds_up_nobody_else(self):
        self.assertRaises(TimeoutError, self.http, "hang")
        self.assertEqual(call(self.sim.addresses[0], "GET", "/metrics").status, 200)

    def test_faults_count_and_come_after_n(self):
        self.sim.fault("http", action="status", path_prefix="/status", count=2, after_n=1)
        self.assertEqual([call(self.sim.addresses[0], "GET", "/status").status for _ in range(5)], [200, 500, 500, 200, 200])

    def test_faults_of_forwarded_requests_happen_at_the_owner(self):
        self.sim.fault("http", action="reset", path_prefix="/api/v2/captures", capture=self.sim.owner())
        answer = call(self.sim.other(self.sim.owner()), "GET", "/api/v2/captures")
        self.assertEqual((answer.status, answer.code), (500, ""))

    def test_typing_errors_are_refused(self):
        for fault in ({"name": "earlyzero"}, {"name": "early_zero", "ms": 5}, {"name": "http", "action": "explode"}):
            self.assertEqual(call(self.sim.control, "POST", "/sim/fault", json.dumps(fault)).status, 400)

    def test_drain_answers(self):
        self.sim.fault("missing_field")
        self.assertEqual((self.sim.drain(self.sim.owner(), NOBODY).status, self.sim.drain(self.sim.owner(), NOBODY).text), (202, "{}"))

    def test_captures_lists(self):
        address = self.sim.addresses[1]
        self.sim.fault("duplicate_address", capture=address)
        items = call(address, "GET", "/api/v2/captures").json["items"]
        self.assertEqual(len({c["id"] for c in items if c["address"] == address}), 2)
        self.sim.fault("captures_empty")
        self.assertEqual(call(address, "GET", "/api/v2/captures").text, '{"total":0,"items":[]}')

    def test_metrics(self):
        address = self.sim.addresses[0]
        self.sim.fault("negative_broker_gauge", value=-7)
        self.assertEqual(total(call(address, "GET", "/metrics").text, "ticdc_event_service_dispatcher_count"), -7)
        self.sim.fault("old_metric_names")
        text = call(address, "GET", "/metrics").text
        self.assertIn("\nticdc_dispatchermanager_table_event_dispatcher_count{", text)
        self.assertNotIn("ticdc_dispatchermanager_table_dispatcher_count", text)
        self.sim.fault("metrics_absent_series", names=["ticdc_owner_ownership_counter"])
        self.assertNotIn("ticdc_owner_ownership_counter", call(address, "GET", "/metrics").text)
        self.sim.fault("metrics_fail")
        self.assertEqual(call(address, "GET", "/metrics").status, 500)

    def test_maintainers_can_be_hard_to_find(self):
        path = "/api/v2/changefeeds/changefeed-000/tables"
        self.sim.fault("maintainer_not_found", ms=60000)
        self.assertEqual(call(self.sim.addresses[0], "GET", path).code, "CDC:ErrMaintainerNotFounded")
        self.sim.heal()
        wrong = self.sim.other(self.sim.detail("changefeed-000")["maintainer_addr"])
        self.sim.fault("stale_maintainer_addr", address=wrong)
        self.assertEqual(self.sim.detail("changefeed-000")["maintainer_addr"], wrong)
        self.assertEqual(call(self.sim.addresses[0], "GET", path).code, "CDC:ErrMaintainerNotFounded")

    def test_a_frozen_move_goes_on_after_the_thaw(self):
        self.sim.fault("freeze")
        target = self.sim.other(self.sim.detail("changefeed-004")["maintainer_addr"])
        path = f"/api/v2/changefeeds/changefeed-004/move_maintainer?targetNodeID={self.sim.id(target)}&wait=false"
        call(target, "POST", path)
        until(lambda: self.sim.state()["moving"]["maintainers"] == 1)
        self.sim.heal()
        until(lambda: self.sim.detail("changefeed-004")["maintainer_addr"] == target)
        self.sim.wait_ready()


class Deaths(FreshCase):
    def test_a_destination_dies_in_mid_move_and_the_work_is_placed_again(self):
        sim = self.start("M")
        home = sim.detail("changefeed-000")["maintainer_addr"]
        target = sim.other(home, sim.owner())
        sim.fault("dest_dies_mid_move", work="maintainers", count=1)
        path = f"/api/v2/changefeeds/changefeed-000/move_maintainer?targetNodeID={sim.id(target)}&wait=false"
        self.assertEqual(call(sim.owner(), "POST", path).status, 200)
        self.assertEqual(sim.processes[target].wait(5), -signal.SIGKILL)
        until(lambda: not any(sim.state()["absent"].values()) and sim.detail("changefeed-000").get("maintainer_addr") not in (target, None))
        self.assertEqual([s["how"] for s in sim.judge()["stops"]], ["crash"])

    def test_the_maintainers_of_a_dead_capture_wait_for_move_maintainer_if_basic_placement_is_off(self):
        sim = self.start("M")
        sim.fault("basic_placement", enabled=False, work="maintainers")
        dead = sim.other(sim.owner())
        target = sim.other(sim.owner(), dead)
        orphans = [name for name in sim.state()["changefeeds"] if sim.detail(name).get("maintainer_addr") == dead]
        self.assertTrue(orphans)
        sim.processes[dead].kill()
        until(lambda: sim.state()["absent"]["maintainers"] == len(orphans))
        for name in orphans:
            path = f"/api/v2/changefeeds/{name}/move_maintainer?targetNodeID={sim.id(target)}&wait=false"
            self.assertEqual(call(sim.owner(), "POST", path).status, 200)
        until(lambda: not any(sim.state()["absent"].values()))
        self.assertEqual({sim.detail(name)["maintainer_addr"] for name in orphans}, {target})
        until(lambda: sim.truth(target)["maintainers"] == sim.capture(target)["belief"]["maintainers"])

    def test_a_capture_can_change_its_id_inside_its_process(self):
        sim = self.start("M")
        target = sim.other(sim.owner())
        before = call(target, "GET", "/status").json
        sim.fault("id_change", capture=target)
        after = call(target, "GET", "/status").json
        self.assertNotEqual(before["id"], after["id"])
        self.assertEqual(before["pid"], after["pid"])
        sim.wait_ready()

    def test_the_central_process_ends_quickly_and_takes_the_captures_along(self):
        central = run("cluster", "--family", "N0", "--captures", "1", "--changefeeds", "1", "--tables", "1", "--bootstrap-ms", "50")
        address = central.stdout.readline().split()[-1]
        until(lambda: call(address, "GET", "/sim/state").json["ready"])
        capture = call(address, "GET", "/sim/state").json["captures"][0]
        self.assertEqual(call(capture["address"], "GET", "/status").json["id"], capture["id"])
        central.terminate()
        self.assertEqual(central.wait(2), 0)
        central.stdout.close()


class FalseFinishes(FreshCase):
    """The knobs for rows of section 11 that nothing else here arranges."""

    def spans_at(self, sim, address):
        """Dispatchers that the tables lists place on this capture."""
        return sum(len([t for t in sim.tables(name).get(sim.id(address), []) if t]) for name in sim.state()["changefeeds"])

    def elsewhere(self, sim, address):
        """Changefeeds whose maintainers are not on this capture."""
        return [name for name in sim.state()["changefeeds"] if sim.detail(name).get("maintainer_addr") != address]

    def test_row_9_a_changefeed_in_backoff_is_not_counted_by_the_drain(self):
        sim = self.start("N1")
        target = sim.other(sim.owner())
        names = self.elsewhere(sim, target)
        sim.fault("maintainer_backoff", changefeeds=names)
        until(lambda: sim.state()["absent"]["maintainers"] == len(names))
        self.assertEqual(sim.detail(names[0])["state"], "warning")
        self.assertNotIn("maintainer_addr", sim.detail(names[0]))
        sim.drain_until_zero(target)
        self.assertGreater(sim.truth(target)["dispatchers"], 0)
        answers = [e for e in sim.judge()["timeline"] if e["event"] == "drain_answer" and e["count"] == 0]
        self.assertGreater(answers[-1]["truth"]["dispatchers"], 0, "the judge saw the lie")
        sim.heal()
        until(lambda: sim.truth(target)["dispatchers"] == 0 and sim.state()["ready"])
        self.assertEqual(sim.detail(names[0])["state"], "normal")

    def test_row_12_a_maintainer_that_is_not_bootstrapped_lists_its_trigger_only(self):
        sim = self.start("M")
        target = sim.addresses[0]
        names = self.elsewhere(sim, target)
        sim.fault("unbootstrapped", changefeeds=names)
        until(lambda: [sum(map(len, sim.tables(name).values())) for name in names] == [1] * len(names))
        answer = call(target, "GET", f"/api/v2/changefeeds/{names[0]}/get_dispatcher_count")
        self.assertEqual(answer.json, {"count": 1})
        self.assertGreater(sim.truth(target)["dispatchers"], 0)
        sim.heal()
        until(lambda: sum(map(len, sim.tables(names[0]).values())) == 11)

    def test_row_13_spans_that_run_are_listed_nowhere(self):
        sim = self.start("M")
        target = sim.addresses[0]
        sim.fault("spans_nowhere", capture=target)
        self.assertEqual(self.spans_at(sim, target), 0)
        self.assertGreater(len(sim.tables("changefeed-001")[""]), 0)
        self.assertGreater(sim.truth(target)["dispatchers"], 0)

    def test_row_14_one_mode_can_freeze_while_the_other_moves(self):
        sim = self.start("N1")
        target = sim.other(sim.owner())
        sim.fault("freeze", work="dispatchers", mode=1)
        until(lambda: sim.drain(target, sim.id(target)).json and sim.state()["session"])
        until(lambda: self.spans_at(sim, target) == 0 and sim.truth(target)["maintainers"] == 0)
        self.assertGreater(sim.truth(target)["dispatchers"], 0)
        self.assertGreater(sim.drain(target, sim.id(target)).json["current_table_count"], 0)
        sim.heal()
        sim.drain_until_zero(target)

    def test_row_22_moves_of_others_are_adopted_and_turn_back(self):
        sim = self.start("M")
        target = sim.addresses[0]
        before = sim.truth(target)["dispatchers"]
        sim.fault("unrelated_moves", capture=target)
        until(lambda: sim.state()["moving"]["dispatchers"] == before)
        table = next(t for t in sim.tables("changefeed-001")[sim.id(target)] if t)
        path = f"/api/v2/changefeeds/changefeed-001/move_table?tableID={table}&targetNodeID={sim.id(sim.addresses[1])}&wait=false"
        self.assertEqual(call(target, "POST", path).text, "{}")
        self.assertEqual(sim.state()["moving"]["dispatchers"], before, "adopted: no move of its own")
        sim.heal()
        until(lambda: sim.state()["moving"]["dispatchers"] == 0)
        self.assertEqual(sim.truth(target)["dispatchers"], before)
        self.assertEqual(call(target, "POST", path).text, "{}")
        until(lambda: sim.truth(target)["dispatchers"] == before - 1)

    def test_row_23_another_keyspace_is_not_listed(self):
        sim = self.start("M")
        sim.fault("hidden_changefeeds", changefeeds=["changefeed-001"])
        listed = call(sim.addresses[0], "GET", "/api/v2/changefeeds?state=all").json
        self.assertEqual((listed["total"], "changefeed-001" in [cf["id"] for cf in listed["items"]]), (5, False))
        self.assertEqual(call(sim.owner(), "GET", "/api/v2/changefeeds/changefeed-001").code, "CDC:ErrChangeFeedNotExists")
        self.assertEqual(call(sim.addresses[0], "GET", "/api/v2/changefeeds/changefeed-001/tables").status, 500)

    def test_row_27_what_rests_runs_a_while_longer(self):
        sim = self.start("M")
        sim.fault("rest", changefeed="changefeed-001", state="finished", ms=500)
        default, everything = (call(sim.addresses[0], "GET", f"/api/v2/changefeeds{q}").json["total"] for q in ("", "?state=all"))
        self.assertEqual((default, everything, sim.detail("changefeed-001")["state"]), (5, 6, "finished"))
        self.assertEqual(sum(c["truth"]["dispatchers"] for c in sim.state()["captures"]), 70)
        until(lambda: sum(c["truth"]["dispatchers"] for c in sim.state()["captures"]) == 60)

    def test_row_26_a_stale_owner_says_0_by_what_it_remembers(self):
        sim = self.start("N1")
        first = sim.owner()
        target = sim.other(first)
        sim.drain_until_zero(target)
        sim.fault("stale_owner", capture=first)
        sim.fault("coordinator_failover")
        second = until(lambda: sim.owner() != first and sim.owner())
        self.assertEqual([call(a, "GET", "/status").json["is_owner"] for a in (first, second)], [True, True])
        sim.fault("flow_back", capture=target, ms=100)
        until(lambda: sim.truth(target)["dispatchers"] == 1)
        self.assertEqual(sim.drain(first, sim.id(target)).json, {"current_table_count": 0})
        marked = [c["id"] for c in call(first, "GET", "/api/v2/captures").json["items"] if c["is_owner"]]
        self.assertEqual(marked, [sim.id(first)], "it marks itself")
        sim.fault("stale_owner", enabled=False)
        until(lambda: not call(first, "GET", "/status").json["is_owner"])
        sim.drain_until_zero(target)
        self.assertEqual(sim.truth(target)["dispatchers"], 0)


if __name__ == "__main__":
    sys.exit(unittest.main())
