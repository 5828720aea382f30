"""What kube-sim claims, shown over real HTTP. Run: python3 tests/fakes/test_kube_sim.py

Each test has a namespace of its own on a shared kube-sim. Nothing here sleeps to let something happen: tests wait for conditions, with a
deadline, and judge order and time by the timeline that kube-sim keeps.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEADLINE = 15
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases"
DRAINS = "/apis/drain.ticdc.dev/v1alpha1/namespaces/{ns}/drainrequests"
PODS = "/api/v1/namespaces/{ns}/pods"
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"  # a process that only SIGKILL stops


class KubeSim:
    """A kube-sim process, and a client for it."""

    def __init__(self, *arguments):
        self.logs = tempfile.TemporaryDirectory()
        environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "kube_sim", "--listen", "127.0.0.1:0", "--log-dir", self.logs.name, *arguments]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"kube-sim listening on http://127\.0\.0\.1:(\d+)\n", line)[1])

    def close(self):
        self.process.terminate()
        code = self.process.wait(5)
        self.process.stdout.close()
        self.logs.cleanup()
        return code

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def raw(self, method, path, body=None, headers=None):
        """(code, headers, bytes)"""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def call(self, method, path, obj=None, content_type="application/json", **headers):
        """(code, object)"""
        headers = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        code, _, data = self.raw(method, path, None if obj is None else json.dumps(obj), headers)
        return code, json.loads(data)

    def sim(self, method, path, obj=None):
        code, answer = self.call(method, "/sim/" + path, obj)
        assert code == 200, answer
        return answer

    def watch(self, path, **query):
        return WatchStream(self, path, query)


class WatchStream:
    """A running watch; iterate over it for events."""

    def __init__(self, kube, path, query):
        self.connection = kube.connect()
        parameters = "&".join(f"{name}={value}" for name, value in {"watch": "1", "timeoutSeconds": "30", **query}.items())
        self.connection.request("GET", f"{path}?{parameters}")
        self.response = self.connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()

    def next(self):
        """The next event, or None at the orderly end of the stream."""
        line = self.response.readline()
        return json.loads(line) if line else None

    def take(self, count):
        """[(type, name)] of the next events."""
        events = [self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


class KubeSimTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kube = KubeSim()
        cls.addClassCleanup(cls.kube.close)

    def setUp(self):
        self.ns = re.sub(r"[^a-z0-9]+", "-", self._testMethodName)
        self.addCleanup(self.kube.sim, "DELETE", "fault")

    def path(self, collection, name=""):
        return collection.format(ns=self.ns) + (f"/{name}" if name else "")

    def call(self, expected, method, path, obj=None, **more):
        code, answer = self.kube.call(method, path, obj, **more)
        self.assertEqual(code, expected, answer)
        return answer

    def patch(self, expected, path, obj):
        return self.call(expected, "PATCH", path, obj, content_type="application/merge-patch+json")

    def lease(self, name, labels=None, expected=201, **spec):
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}
        return self.call(expected, "POST", self.path(LEASES), body)

    def drain_request(self, name, **metadata):
        return self.call(201, "POST", self.path(DRAINS), {"apiVersion": "drain.ticdc.dev/v1alpha1", "kind": "DrainRequest",
                                                          "metadata": {"name": name, **metadata}, "spec": {"podName": "cdc-0"}})

    def eventually(self, question, what):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            answer = question()
            if answer:
                return answer
            time.sleep(0.02)
        self.fail(f"not within {DEADLINE} s: {what}")


class ApiTest(KubeSimTest):
    def test_create_is_refused_for_a_taken_name_a_missing_name_and_a_foreign_namespace(self):
        self.lease("a")
        self.assertEqual(self.lease("a", expected=409)["reason"], "AlreadyExists")
        self.assertEqual(self.lease("", expected=422)["reason"], "Invalid")
        self.lease("No_Such_Name", expected=422)
        body = {"metadata": {"name": "b", "namespace": "elsewhere"}}
        self.assertEqual(self.call(400, "POST", self.path(LEASES), body)["reason"], "BadRequest")
        generated = self.call(201, "POST", self.path(LEASES), {"metadata": {"generateName": "b-"}})
        self.assertRegex(generated["metadata"]["name"], r"^b-.{5}$")

    def test_errors_are_status_objects(self):
        status = self.call(404, "GET", self.path(LEASES, "none"))
        self.assertEqual((status["kind"], status["status"], status["code"], status["reason"]), ("Status", "Failure", 404, "NotFound"))
        self.assertEqual(status["message"], 'leases.coordination.k8s.io "none" not found')
        self.assertEqual(status["details"], {"name": "none", "group": "coordination.k8s.io", "kind": "leases"})
        self.call(404, "GET", "/apis/apps/v1/statefulsets")
        self.call(405, "DELETE", self.path(LEASES))

    def test_second_writer_with_an_old_version_gets_a_conflict(self):
        old = self.lease("l", holderIdentity="a", renewTime="2024-01-01T00:00:00.000000Z")
        new = self.call(200, "PUT", self.path(LEASES, "l"), {**old, "spec": {**old["spec"], "holderIdentity": "b"}})
        self.assertGreater(int(new["metadata"]["resourceVersion"]), int(old["metadata"]["resourceVersion"]))
        self.assertEqual(new["spec"]["renewTime"], "2024-01-01T00:00:00.000000Z")
        self.assertEqual(self.call(409, "PUT", self.path(LEASES, "l"), old)["reason"], "Conflict")
        version = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}}
        self.patch(409, self.path(LEASES, "l"), {**version, "spec": {"holderIdentity": "c"}})
        without = {**new, "metadata": {"name": "l"}}
        self.assertIn("must be specified for an update", self.call(422, "PUT", self.path(LEASES, "l"), without)["message"])

    def test_write_that_changes_nothing_keeps_the_version(self):
        lease = self.lease("l", holderIdentity="a")
        self.assertEqual(self.call(200, "PUT", self.path(LEASES, "l"), lease), lease)
        self.assertEqual(self.patch(200, self.path(LEASES, "l"), {"spec": {"holderIdentity": "a"}}), lease)

    def test_lease_fields_are_checked_as_by_a_real_server(self):
        self.lease("l", leaseDurationSeconds=0, expected=422)
        self.lease("l", renewTime="2024-01-01T00:00:00Z", expected=400)

    def test_status_and_main_resource_do_not_write_each_other(self):
        drain = self.drain_request("d")
        self.assertEqual(drain["metadata"]["generation"], 1)
        path = self.path(DRAINS, "d")
        both = {**drain, "spec": {"podName": "cdc-1", "unknown": {"kept": [1, 2.5, None]}}, "status": {"phase": "Draining"}}
        main = self.call(200, "PUT", path, both)
        self.assertEqual(main["metadata"]["generation"], 2)
        self.assertNotIn("status", main)
        self.assertEqual(main["spec"], both["spec"])
        self.call(409, "PUT", path + "/status", both)
        both["metadata"]["resourceVersion"] = main["metadata"]["resourceVersion"]
        both["spec"] = {}
        status = self.call(200, "PUT", path + "/status", both)
        self.assertEqual((status["spec"], status["status"], status["metadata"]["generation"]), (main["spec"], {"phase": "Draining"}, 2))
        self.assertEqual(self.patch(200, path, {"status": {"phase": "x"}}), status)
        self.call(404, "GET", self.path(LEASES, "l") + "/status")

    def test_patch_merges_and_knows_its_content_types(self):
        self.drain_request("d", labels={"a": "1", "b": "2"})
        patched = self.patch(200, self.path(DRAINS, "d"), {"metadata": {"labels": {"a": None, "c": "3"}}, "spec": {"batchSize": 2}})
        self.assertEqual(patched["metadata"]["labels"], {"b": "2", "c": "3"})
        self.assertEqual(patched["spec"], {"podName": "cdc-0", "batchSize": 2})
        self.assertEqual(self.call(415, "PATCH", self.path(DRAINS, "d"), [], content_type="application/json-patch+json")["code"], 415)
        self.patch(422, self.path(DRAINS, "d"), {"metadata": {"uid": "other"}})

    def test_finalizer_keeps_a_deleted_object_until_it_is_removed(self):
        self.drain_request("d", finalizers=["drain.ticdc.dev/x"])
        self.assertIn("deletionTimestamp", self.call(200, "DELETE", self.path(DRAINS, "d"))["metadata"])
        self.patch(200, self.path(DRAINS, "d"), {"metadata": {"finalizers": None}})
        self.call(404, "GET", self.path(DRAINS, "d"))

    def test_delete_honours_preconditions(self):
        lease = self.lease("l")
        self.call(409, "DELETE", self.path(LEASES, "l"), {"preconditions": {"uid": "other"}})
        self.call(409, "DELETE", self.path(LEASES, "l"), {"preconditions": {"resourceVersion": "1"}})
        answer = self.call(200, "DELETE", self.path(LEASES, "l"), {"preconditions": {"uid": lease["metadata"]["uid"]}})
        self.assertEqual((answer["kind"], answer["status"]), ("Status", "Success"))

    def test_selectors(self):
        for name, labels in (("a", {"app": "x", "tier": "1"}), ("b", {"app": "y"}), ("c", {})):
            self.lease(name, labels)
        for selector, expected in (("app=x", "a"), ("app==y", "b"), ("app!=x", "bc"), ("app+in+(x,y)", "ab"), ("app+notin+(x)", "bc"),
                                   ("app", "ab"), ("!app", "c"), ("app+in+(x,y),tier", "a")):
            items = self.call(200, "GET", self.path(LEASES) + "?labelSelector=" + selector)["items"]
            self.assertEqual("".join(item["metadata"]["name"] for item in items), expected, selector)
        items = self.call(200, "GET", self.path(LEASES) + "?fieldSelector=metadata.name=b")["items"]
        self.assertEqual([item["metadata"]["name"] for item in items], ["b"])
        self.call(400, "GET", self.path(LEASES) + "?labelSelector=app+in+x")
        self.call(400, "GET", self.path(LEASES) + "?fieldSelector=spec.holderIdentity=x")

    def test_pages_of_a_list_come_from_one_version(self):
        for name in "abcde":
            self.lease(name)
        page = self.call(200, "GET", self.path(LEASES) + "?limit=2")
        first = page["metadata"]["resourceVersion"]
        self.assertEqual(page["metadata"]["remainingItemCount"], 3)
        self.call(200, "DELETE", self.path(LEASES, "d"))
        self.lease("cc")
        names = [item["metadata"]["name"] for item in page["items"]]
        while "continue" in page["metadata"]:
            page = self.call(200, "GET", self.path(LEASES) + "?limit=2&continue=" + page["metadata"]["continue"])
            self.assertEqual(page["metadata"]["resourceVersion"], first)
            names += [item["metadata"]["name"] for item in page["items"]]
        self.assertEqual(names, list("abcde"))
        everywhere = self.call(200, "GET", "/apis/coordination.k8s.io/v1/leases?labelSelector=&fieldSelector=metadata.namespace=" + self.ns)
        self.assertEqual(len(everywhere["items"]), 5)
        self.assertNotIn("kind", everywhere["items"][0])

    def test_object_of_a_gone_pod_is_collected(self):
        owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "controller": True}
        pod = self.call(201, "POST", self.path(PODS), {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}})
        self.drain_request("owned", ownerReferences=[{**owner, "uid": pod["metadata"]["uid"]}])
        self.drain_request("orphan", ownerReferences=[{**owner, "uid": "long gone"}])
        self.drain_request("free")

        def left():
            return [item["metadata"]["name"] for item in self.call(200, "GET", self.path(DRAINS))["items"]]
        self.eventually(lambda: left() == ["free", "owned"], "orphan collected")
        self.call(200, "DELETE", self.path(PODS, "p") + "?gracePeriodSeconds=0")
        self.eventually(lambda: left() == ["free"], "owned collected")

    def test_reviews_answer_from_the_canned_table(self):
        self.kube.sim("POST", "reviews", {"tokens": {"good": {"authenticated": True, "user": {"username": "alice"}}},
                                          "users": {"alice": {"allowed": True}}})
        url = "/apis/authentication.k8s.io/v1/tokenreviews"
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "good"}}
        self.assertEqual(self.call(201, "POST", url, review)["status"]["user"], {"username": "alice"})
        review["spec"]["token"] = "bad"
        self.assertEqual(self.call(201, "POST", url, review)["status"], {"authenticated": False})
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": "alice"}}
        self.assertTrue(self.call(201, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"])
        self.assertEqual(self.kube.sim("GET", "reviews")[-1], {"kind": "SubjectAccessReview", "spec": {"user": "alice"}})

    def test_body_over_3_mib_is_413(self):
        self.call(413, "POST", self.path(LEASES), {"metadata": {"name": "l", "annotations": {"x": "y" * (3 << 20)}}})

    def test_connection_is_kept_alive(self):
        connection = self.kube.connect()
        self.addCleanup(connection.close)
        ports = set()
        for _ in range(3):
            connection.request("GET", self.path(LEASES))
            connection.getresponse().read()
            ports.add(connection.sock.getsockname()[1])
        self.assertEqual(len(ports), 1)


class WatchTest(KubeSimTest):
    def start_version(self):
        return self.call(200, "GET", self.path(LEASES))["metadata"]["resourceVersion"]

    def test_watch_replays_what_came_after_its_version_in_order_and_goes_on(self):
        self.lease("before")
        version = self.start_version()
        self.lease("a")
        self.patch(200, self.path(LEASES, "a"), {"spec": {"holderIdentity": "x"}})
        self.lease("b")
        with self.kube.watch(self.path(LEASES), resourceVersion=version) as watch:
            self.assertEqual(watch.take(3), [("ADDED", "a"), ("MODIFIED", "a"), ("ADDED", "b")])
            self.call(200, "DELETE", self.path(LEASES, "a"))
            event = watch.next()
            self.assertEqual((event["type"], event["object"]["metadata"]["name"]), ("DELETED", "a"))
            self.assertEqual(event["object"]["metadata"]["resourceVersion"], self.start_version())

    def test_watch_without_a_version_begins_with_what_is_there(self):
        for version in ({}, {"resourceVersion": "0"}, {"resourceVersion": ""}):
            name = "x" + str(len(self.call(200, "GET", self.path(LEASES))["items"]))
            self.lease(name)
            with self.kube.watch(self.path(LEASES), **version) as watch:
                count = len(self.call(200, "GET", self.path(LEASES))["items"])
                self.assertEqual(watch.take(count), [("ADDED", f"x{i}") for i in range(count)])

    def test_object_that_stops_matching_is_deleted_for_the_watcher(self):
        with self.kube.watch(self.path(LEASES), labelSelector="app=x", resourceVersion=self.start_version()) as watch:
            self.lease("a", {"app": "y"})
            for value in "xy":
                self.patch(200, self.path(LEASES, "a"), {"metadata": {"labels": {"app": value}}})
            self.assertEqual(watch.take(1), [("ADDED", "a")])
            event = watch.next()
            self.assertEqual((event["type"], event["object"]["metadata"]["labels"]), ("DELETED", {"app": "x"}))
            self.assertEqual(event["object"]["metadata"]["resourceVersion"], self.start_version())

    def test_bookmark_comes_shortly_before_the_end(self):
        self.lease("a")
        with self.kube.watch(self.path(LEASES), timeoutSeconds=1, allowWatchBookmarks="true") as watch:
            self.assertEqual(watch.take(1), [("ADDED", "a")])
            event = watch.next()
            self.assertEqual((event["type"], event["object"]["kind"]), ("BOOKMARK", "Lease"))
            self.assertEqual(event["object"]["metadata"]["resourceVersion"], self.start_version())
            self.assertIsNone(watch.next())

    def test_bookmarks_come_regularly_when_asked_for(self):
        self.kube.sim("POST", "watches", {"bookmarkSeconds": 0.05})
        self.addCleanup(self.kube.sim, "POST", "watches", {"bookmarkSeconds": 60})
        with self.kube.watch(self.path(LEASES), allowWatchBookmarks="1") as asked:
            self.assertEqual([asked.next()["type"] for _ in range(3)], ["BOOKMARK"] * 3)
        with self.kube.watch(self.path(LEASES), timeoutSeconds=1) as not_asked:
            self.assertIsNone(not_asked.next())

    def test_too_old_version_is_410_as_a_status_or_as_an_event(self):
        version = self.start_version()
        self.kube.sim("POST", "compact")
        status = self.call(410, "GET", f"{self.path(LEASES)}?watch=1&resourceVersion={version}")
        self.assertEqual(status["reason"], "Expired")
        self.kube.sim("POST", "watches", {"tooOld": "event"})
        self.addCleanup(self.kube.sim, "POST", "watches", {"tooOld": "status"})
        with self.kube.watch(self.path(LEASES), resourceVersion=version) as watch:
            self.assertEqual(watch.response.status, 200)
            event = watch.next()
            self.assertEqual((event["type"], event["object"]["code"], event["object"]["reason"]), ("ERROR", 410, "Expired"))
            self.assertIsNone(watch.next())

    def test_version_that_left_the_history_is_410(self):
        small = KubeSim("--history", "3")
        self.addCleanup(small.close)
        path = self.path(LEASES)
        versions = [small.call("POST", path, {"metadata": {"name": name}})[1]["metadata"]["resourceVersion"] for name in "abcde"]
        self.assertEqual(small.call("GET", f"{path}?watch=1&resourceVersion={versions[0]}")[0], 410)
        with small.watch(path, resourceVersion=versions[1]) as watch:
            self.assertEqual(watch.take(3), [("ADDED", "c"), ("ADDED", "d"), ("ADDED", "e")])

    def test_running_watches_can_be_ended_in_three_ways(self):
        def cut(how):
            watch = self.kube.watch(self.path(LEASES))
            self.addCleanup(watch.__exit__)
            self.eventually(lambda: self.ns in [w["namespace"] for w in self.kube.sim("GET", "watches")], "watch is known")
            self.kube.sim("POST", "drop-watches", {"resource": "leases", "how": how})
            return watch
        self.assertIsNone(cut("close").next())
        self.assertEqual(cut("expired-event").next()["object"]["code"], 410)
        with self.assertRaises(ConnectionResetError):
            cut("reset").next()

    def test_watch_of_a_client_that_left_is_forgotten(self):
        with self.kube.watch(self.path(LEASES)):
            self.eventually(lambda: self.ns in [w["namespace"] for w in self.kube.sim("GET", "watches")], "watch is known")
        self.eventually(lambda: self.ns not in [w["namespace"] for w in self.kube.sim("GET", "watches")], "watch is forgotten")


class FaultTest(KubeSimTest):
    def fault(self, **rule):
        self.kube.sim("POST", "fault", rule)

    def test_status_fault_hits_as_often_as_told_and_only_whom_it_names(self):
        self.fault(verb="list", resource="leases", action="status", status=429, retryAfter=7, count=1, userAgent="victim")
        self.call(200, "GET", self.path(LEASES), User_Agent="other")
        code, headers, body = self.kube.raw("GET", self.path(LEASES), headers={"User-Agent": "the victim"})
        self.assertEqual((code, headers["Retry-After"], json.loads(body)["reason"]), (429, "7", "TooManyRequests"))
        self.assertEqual(self.kube.sim("GET", "fault")[0]["hits"], 1)
        self.call(200, "GET", self.path(LEASES), User_Agent="the victim")

    def test_drop_garbage_truncate_and_delay(self):
        self.fault(verb="get", action="drop", count=1)
        with self.assertRaises(http.client.RemoteDisconnected):
            self.kube.raw("GET", self.path(LEASES, "l"))
        self.fault(verb="get", action="garbage", count=1)
        code, _, body = self.kube.raw("GET", self.path(LEASES, "l"))
        self.assertEqual(code, 200)
        self.assertRaises(ValueError, json.loads, body)
        self.fault(verb="create", action="truncate", count=1)
        with self.assertRaises(http.client.IncompleteRead):
            self.kube.raw("POST", self.path(LEASES), json.dumps({"metadata": {"name": "l"}}))
        self.call(200, "GET", self.path(LEASES, "l"))
        self.fault(verb="get", action="delay", delayMs=200, count=1)
        begin = time.monotonic()
        self.call(200, "GET", self.path(LEASES, "l"))
        self.assertGreaterEqual(time.monotonic() - begin, 0.2)

    def test_hung_request_is_held_until_the_fault_is_cleared(self):
        self.fault(verb="get", resource="leases", action="hang")
        connection = self.kube.connect()
        self.addCleanup(connection.close)
        connection.request("GET", self.path(LEASES, "l"))
        self.eventually(lambda: self.kube.sim("GET", "fault")[0]["hits"], "request has arrived")
        self.kube.sim("DELETE", "fault")
        self.assertRaises(http.client.RemoteDisconnected, connection.getresponse)

    def test_truncated_watch_ends_inside_its_first_event(self):
        self.lease("l")
        self.fault(verb="watch", action="truncate", count=1)
        with self.kube.watch(self.path(LEASES)) as watch:
            with self.assertRaises((http.client.IncompleteRead, ValueError)):
                watch.next()

    def test_outage_cuts_watches_and_answers_nobody_until_it_is_over(self):
        watch = self.kube.watch(self.path(LEASES))
        self.addCleanup(watch.__exit__)
        self.eventually(lambda: self.kube.sim("GET", "watches"), "watch is known")
        self.kube.sim("POST", "outage", {"ms": 60000})
        self.assertRaises(ConnectionResetError, watch.next)
        with self.assertRaises(ConnectionError):
            self.kube.raw("GET", self.path(LEASES))
        self.kube.sim("POST", "outage", {"ms": 0})
        self.call(200, "GET", self.path(LEASES))

    def test_tokens_can_be_rotated(self):
        self.addCleanup(self.kube.sim, "POST", "tokens", {"tokens": []})
        self.kube.sim("POST", "tokens", {"tokens": ["one"]})
        self.assertEqual(self.call(401, "GET", self.path(LEASES))["reason"], "Unauthorized")
        self.call(200, "GET", self.path(LEASES), Authorization="Bearer one")
        self.kube.sim("POST", "tokens", {"tokens": ["two"]})
        self.call(401, "GET", self.path(LEASES), Authorization="Bearer one")
        self.call(200, "GET", self.path(LEASES), Authorization="Bearer two")

    def test_requests_are_counted(self):
        for _ in range(3):
            self.call(404, "GET", self.path(LEASES, "none"), User_Agent=self.ns)
        expected = {"verb": "get", "resource": "leases", "subresource": "", "userAgent": self.ns, "count": 3}
        self.assertIn(expected, self.kube.sim("GET", "requests"))


def container(name, script="exec sleep infinity", hook=None, **more):
    spec = {"name": name, "command": ["sh", "-c", script], **more}
    if hook:
        spec["lifecycle"] = {"preStop": {"exec": {"command": ["sh", "-c", hook]}}}
    return spec


class PodTest(KubeSimTest):
    def pod(self, containers, inits=(), grace=30, annotations=None):
        """Create a pod named after the test, so that its log files are its own, and wait until it is ready."""
        metadata = {"name": self.ns, "labels": {"app": "ticdc"}, "annotations": annotations or {}}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
                "spec": {"terminationGracePeriodSeconds": grace, "containers": containers, "initContainers": list(inits)}}
        self.addCleanup(self.kube.call, "DELETE", self.path(PODS, self.ns) + "?gracePeriodSeconds=0")
        self.addCleanup(self.kube.call, "PATCH", self.path(PODS, self.ns), {"metadata": {"annotations": None}},
                        "application/merge-patch+json")
        self.call(201, "POST", self.path(PODS), body)
        return self.eventually(self.ready_pod, "pod is ready")

    def ready_pod(self):
        """The pod if it is there and ready, else None."""
        _, pod = self.kube.call("GET", self.path(PODS, self.ns))
        ready = {"type": "Ready", "status": "True"}.items()
        return pod if pod["kind"] == "Pod" and any(ready <= c.items() for c in pod.get("status", {}).get("conditions", [])) else None

    def delete(self, grace=None):
        return self.call(200, "DELETE", self.path(PODS, self.ns), None if grace is None else {"gracePeriodSeconds": grace})

    def is_gone(self):
        return self.kube.call("GET", self.path(PODS, self.ns))[0] == 404

    def timeline(self, *events):
        """The entries of this test's pod, all or of some events."""
        return [e for e in self.kube.sim("GET", "timeline") if e["pod"] == self.ns and (not events or e["event"] in events)]

    def first(self, event):
        return self.eventually(lambda: self.timeline(event), event)[0]

    def order(self, *events):
        return [(e["container"], e["event"]) for e in self.timeline(*events)]

    def log(self, name):
        path = Path(self.kube.logs.name, f"{self.ns}.{name}.log")
        return path.read_text() if path.exists() else ""

    def control(self, container_name, operation, body=None):
        return self.kube.sim("POST", f"pods/{self.ns}/{self.ns}/{container_name}/{operation}", body or {})

    def test_container_gets_the_downward_api_and_expansion(self):
        env = [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in (
            ("NAME", "metadata.name"), ("NS", "metadata.namespace"), ("UID", "metadata.uid"), ("IP", "status.podIP"),
            ("APP", "metadata.labels['app']"))]
        env.append({"name": "PEER", "value": "$(IP):8300"})
        spec = {"name": "c", "workingDir": "/tmp", "command": ["sh", "-c", 'echo "$UID_ $0 $(pwd)" "$@"; exec sleep infinity'],
                "args": ["$(NAME)/$(NS)", "$(UID)", "$(PEER)", "$(APP)", "$$(APP)", "$(NONE)"], "env": env}
        pod = self.pod([spec])
        expected = f"{self.ns}/{self.ns} /tmp {pod['metadata']['uid']} {pod['status']['podIP']}:8300 ticdc $(APP) $(NONE)"
        self.eventually(lambda: self.log("c").strip() == expected, expected)
        self.assertEqual(pod["status"]["phase"], "Running")
        self.assertTrue(pod["status"]["podIP"].startswith("127.0.1."))

    def test_hook_holds_back_sigterm_of_its_container_only(self):
        fifo = Path(self.kube.logs.name, "gate")
        os.mkfifo(fifo)
        self.pod([container("cdc", hook=f"echo waiting; read line <{fifo}; echo got $line"), container("plain")])
        terminating = self.delete()
        self.assertEqual(terminating["metadata"]["deletionGracePeriodSeconds"], 30)
        self.assertRegex(terminating["metadata"]["deletionTimestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.eventually(lambda: ("plain", "exited") in self.order("exited"), "plain container stops at once")
        self.eventually(lambda: "waiting" in self.log("cdc.prestop"), "hook output is in its log as it comes")
        self.assertEqual(self.order("sigterm", "exited"), [("plain", "sigterm"), ("plain", "exited")])
        fifo.write_text("open\n")
        self.eventually(self.is_gone, "pod is removed")
        self.assertEqual(self.order("prestop-end", "sigterm", "exited")[2:],
                         [("cdc", "prestop-end"), ("cdc", "sigterm"), ("cdc", "exited")])
        end = self.first("prestop-end")
        self.assertEqual((end["code"], end["output"]), (0, "waiting\ngot open\n"))

    def test_end_of_grace_kills_after_a_last_two_seconds(self):
        self.pod([container("cdc", STUBBORN, hook="exec sleep infinity")], grace=1)
        self.eventually(lambda: "ready" in self.log("cdc"), "trap is set")
        self.delete()
        self.eventually(self.is_gone, "pod is removed")
        begin, term, kill = (self.first(event)["t"] for event in ("prestop-begin", "sigterm", "sigkill"))
        self.assertAlmostEqual(term - begin, 1000, delta=500)
        self.assertAlmostEqual(kill - term, 2000, delta=500)
        self.assertEqual(self.first("exited")["code"], 137)
        self.assertEqual(self.events_of_pod(), [])

    def events_of_pod(self):
        items = self.call(200, "GET", self.path("/api/v1/namespaces/{ns}/events?fieldSelector=involvedObject.name=" + self.ns))["items"]
        return [(item["type"], item["reason"], item["message"]) for item in items]

    def test_grace_can_be_shortened_and_never_extended(self):
        self.pod([container("cdc", STUBBORN)])
        self.eventually(lambda: "ready" in self.log("cdc"), "trap is set")
        first = self.delete(grace=600)["metadata"]
        self.first("sigterm")
        self.assertEqual(self.delete(grace=900)["metadata"], first)
        self.assertEqual(self.delete()["metadata"], first)
        shorter = self.delete(grace=1)["metadata"]
        self.assertEqual(shorter["deletionGracePeriodSeconds"], 1)
        self.assertLess(shorter["deletionTimestamp"], first["deletionTimestamp"])
        self.eventually(self.is_gone, "pod is removed")
        self.assertEqual([e["grace"] for e in self.timeline("delete-requested")], [600, 1])

    def test_deletion_without_grace_runs_no_hook(self):
        self.pod([container("cdc", hook="exec sleep infinity")])
        self.delete(grace=0)
        self.assertTrue(self.is_gone())
        self.first("exited")
        self.first("removed")
        self.assertEqual(self.order("prestop-begin", "sigterm", "sigkill"), [("cdc", "sigkill")])

    def test_failed_hook_is_an_event_and_the_stop_goes_on(self):
        self.pod([container("cdc", hook="echo no; exit 3")])
        self.delete()
        self.eventually(self.is_gone, "pod is removed")
        self.assertEqual(self.order("prestop-end", "sigterm"), [("cdc", "prestop-end"), ("cdc", "sigterm")])
        self.assertEqual(self.first("prestop-end")["code"], 3)
        self.assertIn(("Warning", "FailedPreStopHook", "PreStopHook failed"), self.events_of_pod())

    def test_container_that_ends_is_restarted_but_not_while_terminating(self):
        fifo = Path(self.kube.logs.name, "no-restart")
        os.mkfifo(fifo)
        self.pod([container("cdc", hook=f"read line <{fifo}"), container("side", STUBBORN)])
        self.control("side", "kill", {"signal": 9})
        self.eventually(lambda: len([e for e in self.timeline("started") if e["container"] == "side"]) == 2, "side is restarted")
        status = self.eventually(self.ready_pod, "ready again")["status"]["containerStatuses"][1]
        self.assertEqual((status["restartCount"], status["lastState"]["terminated"]["exitCode"]), (1, 137))
        self.delete()
        self.first("prestop-begin")
        self.control("side", "kill", {"signal": 9, "reason": "OOMKilled"})
        self.first("oom")
        fifo.write_text("open\n")
        self.eventually(self.is_gone, "pod is removed")
        self.assertEqual(len([e for e in self.timeline("started") if e["container"] == "side"]), 2)

    def test_control_can_restart_a_container_while_terminating(self):
        fifo = Path(self.kube.logs.name, "restart")
        os.mkfifo(fifo)
        self.pod([container("cdc", hook=f"read line <{fifo}")], inits=[container("side", STUBBORN, restartPolicy="Always")], grace=5)
        self.delete()
        self.first("prestop-begin")
        self.control("side", "kill", {"signal": 9})
        self.first("exited")
        self.control("side", "restart")
        fifo.write_text("open\n")
        self.eventually(self.is_gone, "pod is removed")
        self.assertEqual(self.order("started", "exited", "sigterm"), [
            ("side", "started"), ("cdc", "started"), ("side", "exited"), ("side", "started"), ("cdc", "sigterm"), ("cdc", "exited"),
            ("side", "sigterm"), ("side", "exited")])

    def test_recreated_pod_has_its_name_and_ip_and_a_new_uid(self):
        old = self.pod([container("cdc")], annotations={"kube-sim/recreate": "true"})
        self.delete()

        def successor():
            pod = self.ready_pod()
            return pod if pod and pod["metadata"]["uid"] != old["metadata"]["uid"] else None
        new = self.eventually(successor, "pod is back")
        self.assertEqual(new["status"]["podIP"], old["status"]["podIP"])
        self.assertEqual((new["metadata"]["labels"], new["spec"]), (old["metadata"]["labels"], old["spec"]))
        self.assertNotIn("deletionTimestamp", new["metadata"])
        self.assertEqual(self.order("removed", "recreated"), [("", "removed"), ("", "recreated")])

    def test_native_sidecars_start_first_and_stop_last_in_reverse(self):
        inits = [container("one", restartPolicy="Always"), container("setup", "exit 0"), container("two", restartPolicy="Always")]
        self.pod([container("cdc")], inits=inits)
        self.delete()
        self.eventually(self.is_gone, "pod is removed")
        self.assertEqual([name for name, _ in self.order("started")], ["one", "setup", "two", "cdc"])
        self.assertEqual([name for name, _ in self.order("sigterm")], ["cdc", "two", "one"])

    def test_liveness_kill_runs_the_hook_and_restarts_without_deleting(self):
        pod = self.pod([container("cdc", hook="echo hook")])
        self.control("cdc", "liveness-kill")
        self.eventually(lambda: len(self.timeline("started")) == 2, "container is restarted")
        self.assertEqual([event for _, event in self.order()[1:]],
                         ["started", "liveness-kill", "prestop-begin", "prestop-end", "sigterm", "exited", "started"])
        after = self.eventually(self.ready_pod, "ready again")
        self.assertEqual(after["metadata"]["uid"], pod["metadata"]["uid"])
        self.assertNotIn("deletionTimestamp", after["metadata"])
        self.assertEqual(after["status"]["containerStatuses"][0]["restartCount"], 1)

    def test_death_of_a_container_takes_its_hook_along(self):
        self.pod([container("cdc", hook="exec sleep infinity")])
        self.delete()
        self.eventually(lambda: self.kube.sim("GET", f"pods/{self.ns}/{self.ns}")["containers"]["cdc"]["hookPid"], "hook runs")
        self.control("cdc", "kill", {"signal": 11})
        self.eventually(self.is_gone, "pod is removed")
        self.assertEqual((self.first("exited")["code"], self.first("prestop-end")["code"]), (139, 137))


class LifeTest(unittest.TestCase):
    def start_pod(self):
        """A kube-sim with one running pod, and the pid of its process."""
        kube = KubeSim()
        self.addCleanup(kube.logs.cleanup)
        self.addCleanup(kube.process.stdout.close)
        spec = {"containers": [{"name": "c", "command": ["sleep", "300"]}]}
        kube.call("POST", PODS.format(ns="d"), {"metadata": {"name": "p"}, "spec": spec})
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            code, pod = kube.call("GET", "/sim/pods/d/p")
            if code == 200 and pod["containers"]["c"]["pid"]:
                return kube, pod["containers"]["c"]["pid"]
        self.fail("no process")

    def assert_dies(self, pid):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                    return
            except FileNotFoundError:
                return
            time.sleep(0.02)
        self.fail(f"process {pid} outlived kube-sim")

    def test_sigterm_ends_kube_sim_and_its_children(self):
        kube, pid = self.start_pod()
        kube.process.send_signal(signal.SIGTERM)
        self.assertEqual(kube.process.wait(3), 0)
        self.assert_dies(pid)

    def test_children_do_not_outlive_a_killed_kube_sim(self):
        kube, pid = self.start_pod()
        kube.process.kill()
        kube.process.wait(3)
        self.assert_dies(pid)


if __name__ == "__main__":
    unittest.main()
