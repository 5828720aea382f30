"""The drain API: any sidecar takes a PUT, the capture is drained as by any DrainRequest, and every answer is as docs/openapi.json says."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request

from claims import assert_empty, cluster_of, follower
from harness import DRAINS, ApiError, call, wait_for
from openapi import Document

UNKNOWN = "11111111-2222-4333-8444-555555555555"
UNVERIFIED = ssl._create_unverified_context()  # the certificate is made for the test and names nobody
USERS = {"ops": {"username": "system:serviceaccount:tidb:ops", "uid": "7", "groups": ["system:authenticated"]},
         "guest": {"username": "guest"}}


@dataclasses.dataclass
class Answer:
    status: int
    headers: object
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Api:
    """A client of the sidecars of a cluster. Every answer is held against the document."""

    def __init__(self, cluster, scheme="http"):
        self.cluster, self.document, self.scheme = cluster, Document(), scheme
        cluster.kube_sim("POST", "/sim/reviews", {
            "tokens": {f"{name}-token": {"authenticated": True, "user": user} for name, user in USERS.items()},
            "users": {USERS["ops"]["username"]: {"allowed": True}, "guest": {"allowed": False, "reason": "RBAC"}}})

    def send(self, method, pod, capture, token="ops-token", body=None, headers=()):
        path = f"/api/v2/captures/{capture}/drain"
        ip = self.cluster.pod(pod)["status"]["podIP"]
        request = urllib.request.Request(f"{self.scheme}://{ip}:8320{path}", data=body, method=method, headers=dict(headers))
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=40, context=UNVERIFIED) as got:
                answer = Answer(got.status, got.headers, got.read())
        except urllib.error.HTTPError as error:
            answer = Answer(error.code, error.headers, error.read())
        if method != "HEAD":
            self.document.check(method, path, answer)
        return answer

    def put(self, pod, capture, status=202, **more):
        answer = self.send("PUT", pod, capture, **more)
        assert answer.status == status, (answer.status, answer.body)
        return answer.json

    def get(self, pod, capture, status=200, **more):
        answer = self.send("GET", pod, capture, **more)
        assert answer.status == status, (answer.status, answer.body)
        return answer.json

    def requests(self):
        return {item["metadata"]["name"]: item for item in self.cluster.kube("GET", DRAINS)["items"]}


@contextlib.contextmanager
def api_of(family, **options):
    with cluster_of(family, sidecar_args=("--drain-api",), **options) as cluster:
        yield cluster, Api(cluster)


def drains_by_api(family, **options):
    with api_of(family, **options) as (cluster, api):
        pod = follower(cluster)
        capture = cluster.capture_of(pod)["id"]
        pods = [f"ticdc-{i}" for i in range(cluster.count)]
        assert api.get(pods[0], capture, 404)["error_code"] == ""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:  # every sidecar twice, at once
            answers = list(pool.map(lambda p: api.put(p, capture, body=b'{"timeout_seconds": 600}'), pods * 2))
        name = f"capture-{capture}"
        assert {answer["drain_request"] for answer in answers} == {name}, answers
        assert set(api.requests()) == {name}, api.requests()
        spec = api.requests()[name]["spec"]
        assert spec["captureID"] == capture and spec["timeoutSeconds"] == 600, spec
        assert USERS["ops"]["username"] in spec["reason"], spec

        seen = []

        def drained():
            seen.append(api.get(pods[len(seen) % len(pods)], capture))
            return seen[-1]["phase"] == "Drained" and seen[-1]
        last = wait_for("the API says Drained", drained, 60, 0.1)
        assert last["current_maintainer_count"] == 0 and last["current_dispatcher_count"] == 0, last
        assert last["target"] == pod and last["capture_id"] == capture, last
        assert any(answer["phase"] == "Draining" and (answer["current_dispatcher_count"] or 0) > 0 for answer in seen), seen
        assert_empty(cluster, pod)
        for each in pods:
            assert wait_for("every sidecar knows", lambda p=each: api.put(p, capture), 10)["phase"] == "Drained"
        assert set(api.requests()) == {name}, api.requests()


def scenario_api_drains_in_family_m():
    drains_by_api("M", sim_args=("--move-ms", "50"))


def scenario_api_drains_in_family_n1():
    drains_by_api("N1")


def scenario_api_refuses_who_may_not():
    with api_of("M") as (cluster, api):
        pod = follower(cluster)
        capture = cluster.capture_of(pod)["id"]
        for ask in (api.put, api.get):
            assert ask(pod, capture, 401, token=None)["error_code"] == "CDC:ErrCredentialNotFound"
            assert ask(pod, capture, 401, token="nobodys")["error_code"] == "CDC:ErrUnauthorized"
            refused = ask(pod, capture, 403, token="guest-token")
            assert refused["error_code"] == "CDC:ErrUnauthorized" and "user guest may not" in refused["error_msg"], refused
        reviews = cluster.kube_sim("GET", "/sim/reviews")
        asked = [r["spec"] for r in reviews if r["kind"] == "SubjectAccessReview"]
        assert {spec["resourceAttributes"]["verb"] for spec in asked} == {"create", "get"}, asked
        assert all(spec["resourceAttributes"]["namespace"] == "tidb" for spec in asked), asked
        for resource, token in (("tokenreviews", "new-token"), ("subjectaccessreviews", "ops-token")):
            cluster.kube_sim("POST", "/sim/fault", {"verb": "create", "resource": resource, "action": "status", "status": 403})
            refused = api.put(pod, capture, 503, token=token)
            assert f"may not create {resource}" in refused["error_msg"] and "system:auth-delegator" in refused["error_msg"], refused
            cluster.kube_sim("DELETE", "/sim/fault")
        assert api.requests() == {}, api.requests()
        log = "".join(cluster.log_of(f"ticdc-{i}") for i in range(cluster.count))
        assert "-token" not in log and "nobodys" not in log, "a token was logged"


def scenario_api_refuses_what_makes_no_sense():
    with api_of("M", sim_args=("--move-ms", "300")) as (cluster, api):
        pod = follower(cluster)
        capture = cluster.capture_of(pod)["id"]
        for ask in (api.put, api.get):
            assert ask(pod, UNKNOWN, 404) == {"error_msg": f"[CDC:ErrCaptureNotExist]capture not exists, {UNKNOWN}",
                                              "error_code": "CDC:ErrCaptureNotExist"}
            assert "NO_ID" in ask(pod, "NO_ID", 400)["error_msg"]
            ask(pod, capture, 413, body=b" " * 5000)
        assert api.get(pod, capture, 404)["error_code"] == ""
        for body, word in ((b'{"batch_size": 0}', "batch_size: 0"), (b'{"force": true}', "force: true"), (b"force", "body")):
            refused = api.put(pod, capture, 400, body=body)
            assert refused["error_code"] == "CDC:ErrAPIInvalidParam" and word in refused["error_msg"], refused
        for method in ("POST", "DELETE", "PATCH", "HEAD"):
            answer = api.send(method, pod, capture)
            assert answer.status == 405 and answer.headers["Allow"] == "GET, PUT", (method, answer)
        api.send("PUT", pod, capture, body=b" " * 100000)

        cluster.fault("http", method="GET", path_prefix="/api/v2/captures", action="status", status=500)
        assert "TiCDC could not be asked" in api.put(pod, capture, 502)["error_msg"]
        assert "TiCDC could not be asked" in api.get(pod, capture, 502)["error_msg"]
        cluster.sim("DELETE", "/sim/fault")
        cluster.kube_sim("POST", "/sim/fault", {"verb": "create", "resource": "drainrequests", "action": "status", "status": 500})
        api.put(pod, capture, 503)
        cluster.kube_sim("POST", "/sim/fault", {"verb": "create", "resource": "tokenreviews", "action": "status", "status": 500})
        api.get(pod, capture, 503, token="new-token")
        cluster.kube_sim("DELETE", "/sim/fault")
        assert api.requests() == {}, api.requests()

        other = next(p for p in ("ticdc-0", "ticdc-1", "ticdc-2") if p != pod)
        cluster.apply("by-hand", podName=other)
        cluster.wait_phase("by-hand", "Draining")
        busy = wait_for("the other drain is known", lambda: api.send("PUT", pod, capture).status == 409 and api.put(pod, capture, 409), 10)
        assert busy["error_code"] == "CDC:ErrSchedulerRequestFailed" and other in busy["error_msg"], busy
        taken = cluster.capture_of(other)["id"]
        assert api.put(pod, taken)["drain_request"] == api.get(pod, taken)["drain_request"] == "by-hand"
        assert set(api.requests()) == {"by-hand"}, api.requests()
        for ask in (api.put, api.get):
            ask(pod, capture, 401, token=None)
            ask(pod, capture, 403, token="guest-token")
        assert api.document.seen == api.document.documented(), api.document.documented() ^ api.document.seen


def scenario_api_is_off_unless_asked_for():
    with cluster_of("M") as cluster:
        capture, ip = cluster.captures()[0]["id"], cluster.pod("ticdc-0")["status"]["podIP"]
        for method in ("GET", "PUT", "POST"):
            try:
                call(f"http://{ip}:8320", method, f"/api/v2/captures/{capture}/drain", token="ops-token")
                raise AssertionError(f"{method} was answered")
            except ApiError as error:
                assert error.status == 404, error


def scenario_api_dry_run_is_no_drain():
    with api_of("M") as (cluster, api):
        pod = follower(cluster)
        capture = cluster.capture_of(pod)["id"]
        assert api.put(pod, capture, body=b'{"dry_run": true}')["dry_run"] is True
        cancelled = wait_for("the dry run ends", lambda: api.get(pod, capture)["phase"] == "Cancelled" and api.get(pod, capture), 20)
        assert "would be moved" in cancelled["message"] or "dispatchers" in cancelled["message"], cancelled
        real = api.put(pod, capture)
        assert real["drain_request"] == f"capture-{capture}-2" and real["dry_run"] is False, real
        cluster.wait_phase(real["drain_request"], "Drained")
        assert_empty(cluster, pod)


def scenario_api_over_tls():
    """As in production."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = os.path.join(folder, "tls.crt"), os.path.join(folder, "tls.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=t",
                        "-days", "1", "-keyout", key, "-out", cert], check=True, capture_output=True)
        with cluster_of("N1", sidecar_args=("--drain-api", "--tls-cert", cert, "--tls-key", key)) as cluster:
            api = Api(cluster, "https")
            pod = follower(cluster)
            capture = cluster.capture_of(pod)["id"]
            api.put(pod, capture, 401, token=None)
            name = api.put(cluster.leader(), capture)["drain_request"]
            cluster.wait_phase(name, "Drained")
            wait_for("the API says so", lambda: api.get(pod, capture)["phase"] == "Drained", 10)
            assert_empty(cluster, pod)
