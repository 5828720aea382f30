"""One container: a local process that is started, restarted with back-off, and stopped the way the kubelet does it.

Claims (kubelet kuberuntime_container.go, lifecycle/handlers.go):
- to stop: preStop hook, then the container's turn (native sidecars), then SIGTERM, then SIGKILL at the deadline. The clock starts
  before the hook; after it at least 2 s are left. A hook that outlives the clock is abandoned and goes with its container. No grace,
  no hook.
- a failed hook is an event FailedPreStopHook, and SIGTERM follows as if it had not failed.
- a hook runs in its container: the container's end kills it.
- a container that ends is restarted after a back-off, unless its pod is terminating.

Leaves out images (command defaults to `sleep infinity`), volumes (the file system is shared), probes, ports, resources, users, httpGet and
sleep hooks, postStart, restartPolicy other than Always.
"""

import os
import re
import signal
import subprocess
import threading
import time
import uuid

from .store import rfc3339

BACKOFF_FIRST, BACKOFF_MAX = 0.2, 5.0  # seconds; the kubelet has 10 s to 5 min
MINIMUM_GRACE = 2.0                    # after the hook, as in the kubelet
AT_ONCE = float("-inf")                # the deadline of a deletion without grace
OUTPUT_MAX = 4096
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")


def expand(text, env):
    """$(NAME) from env, unknown names as they are, $$ for $."""
    def value(match):
        return "$" if match[1] is None else env.get(match[1], match[0])
    return _REFERENCE.sub(value, text)


def field_value(pod, path):
    """The value of a downward API fieldPath, such as metadata.labels['app']."""
    match = re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path)
    value = pod
    for step in ("metadata", match[1], match[2]) if match else path.split("."):
        value = (value or {}).get(step)
    return "" if value is None else str(value)


class Container:
    def __init__(self, pod, spec, keeps_running=True):
        self.pod = pod
        self.spec = spec
        self.name = spec["name"]
        self.process = None   # guarded, like all state here, by pod.changed
        self.hook = None
        self.started = False  # has run at least once
        self.restarts = 0
        self.state = {"waiting": {"reason": "PodInitializing"}}
        self.last_state = {}
        self.exit_code = None
        self.container_id = ""
        self._keeps_running = keeps_running
        self._kill_reason = None
        self._stopping = threading.Lock()  # a liveness kill and a deletion take turns

    def alive(self):
        return self.process is not None

    # ---- running ----

    def supervise(self):
        """Run and restart until the pod terminates; an ordinary init container until it has succeeded."""
        backoff = BACKOFF_FIRST
        while self.start():
            begin = time.monotonic()
            self._wait()
            if not self._keeps_running and self.exit_code == 0:
                return
            if time.monotonic() - begin > 2 * BACKOFF_MAX:
                backoff = BACKOFF_FIRST
            again_at = time.monotonic() + backoff
            if self.pod.wait(self.pod.terminating, lambda: again_at):
                return
            backoff = min(2 * backoff, BACKOFF_MAX)

    def start(self, even_if_terminating=False):
        """Start the process. Returns whether the container may run; a command that cannot be started counts as exit code 128."""
        with self.pod.changed:
            if self.alive() or self.pod.deadline() == AT_ONCE or (self.pod.terminating() and not even_if_terminating):
                return False
            self.restarts += self.started
            self.started = True
            try:
                self.process = self._launch(self.spec.get("command", []) + self.spec.get("args", []) or ["sleep", "infinity"])
            except OSError as error:
                self._record_exit(128, "StartError", str(error))
                return True
            self.state = {"running": {"startedAt": rfc3339(time.time())}}
            self.container_id = f"kube-sim://{uuid.uuid4().hex}"
            self._note("started")
            self.pod.changed.notify_all()
        self.pod.post_status()
        return True

    def restart_while_terminating(self):
        """KEP-4438, or a runtime that does it by accident. Returns whether it was started."""
        if not self.start(even_if_terminating=True):
            return False
        threading.Thread(target=self._wait, daemon=True).start()
        return True

    def _wait(self):
        process = self.process
        if process is None:
            return
        code = self.pod.processes.wait(process)
        with self.pod.changed:
            if self.hook:
                self.pod.processes.kill_group(self.hook)
            self.process = None
            self._record_exit(code, self._kill_reason or ("Completed" if code == 0 else "Error"), "")
            self._kill_reason = None
            self.pod.changed.notify_all()
        self.pod.post_status()

    def _record_exit(self, code, reason, message):
        self.exit_code = code
        terminated = {"exitCode": code, "reason": reason, "startedAt": self.state.get("running", {}).get("startedAt"),
                      "finishedAt": rfc3339(time.time())}
        if message:
            terminated["message"] = message
        self.last_state = {"terminated": terminated}
        will_restart = not self.pod.terminating() and (self._keeps_running or code != 0)
        self.state = {"waiting": {"reason": "CrashLoopBackOff"}} if will_restart else self.last_state
        self._note("oom" if reason == "OOMKilled" else "exited", code=code)

    def _launch(self, command, output=None):
        env = self._environment()
        command = [expand(argument, env) for argument in command]
        cwd = self.spec.get("workingDir")
        if output is not None:
            return self.pod.processes.start(command, env, cwd, output)
        with self.pod.open_log(self.name) as log:
            return self.pod.processes.start(command, env, cwd, log)

    def _environment(self):
        env = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        env.update(self.pod.service_env, HOSTNAME=self.pod.name)
        for variable in self.spec.get("env", []):
            source = variable.get("valueFrom", {}).get("fieldRef")
            value = field_value(self.pod.latest(), source["fieldPath"]) if source else expand(variable.get("value", ""), env)
            env[variable["name"]] = value
        return env

    # ---- stopping ----

    def stop(self, deadline, my_turn=lambda: True, with_hook=True):
        """The kubelet's kill routine. deadline() may come closer while this runs; my_turn() holds back the SIGTERM of a native sidecar."""
        with self._stopping:
            if self.alive() and with_hook and deadline() != AT_ONCE:
                self._run_hook(deadline)
            self.pod.wait(my_turn, deadline)
            if not self.alive():
                return
            end_of_minimum = time.monotonic() + MINIMUM_GRACE
            if deadline() != AT_ONCE:
                self._signal(signal.SIGTERM, "sigterm")
                self.pod.wait(lambda: not self.alive(),
                              lambda: AT_ONCE if deadline() == AT_ONCE else max(deadline(), end_of_minimum))
            self._signal(signal.SIGKILL, "sigkill")
            self.pod.wait(lambda: not self.alive(), lambda: float("inf"))

    def liveness_kill(self):
        """What a failed liveness probe does: hook and SIGTERM under a grace of its own, then `supervise` restarts the container."""
        self._note("liveness-kill")
        self.pod.emit_event("Normal", "Killing", f"Container {self.name} failed liveness probe, will be restarted")
        limit = time.monotonic() + self.pod.grace_of_spec
        self.stop(lambda: min(limit, self.pod.deadline()))

    def kill(self, number, reason):
        """From the control API: signal the first process, as a crash or, with reason OOMKilled, the kernel. Returns whether it ran."""
        with self.pod.changed:
            if self.alive():
                self._kill_reason = reason
                self._note("killed", signal=number)
                self.pod.processes.signal(self.process, number)
            return self.alive()

    def _signal(self, number, event):
        with self.pod.changed:
            if self.alive():
                self._note(event)
                self.pod.processes.signal(self.process, number)

    def _run_hook(self, deadline):
        command = self.spec.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        if not command:
            return
        self._note("prestop-begin")
        try:
            with self.pod.changed:
                if not self.alive():
                    return
                self.hook = hook = self._launch(command, subprocess.PIPE)
        except OSError as error:
            self._note("prestop-end", code=126, output=str(error))
            self.pod.emit_event("Warning", "FailedPreStopHook", "PreStopHook failed")
            return
        done, abandoned = threading.Event(), threading.Event()
        threading.Thread(target=self._follow_hook, args=(hook, done, abandoned), daemon=True).start()
        if not self.pod.wait(done.is_set, deadline):
            abandoned.set()

    def _follow_hook(self, hook, done, abandoned):
        output = b""

        def copy_output():
            nonlocal output
            with hook.stdout, self.pod.open_log(self.name + ".prestop") as log:
                while part := os.read(hook.stdout.fileno(), 65536):
                    log.write(part)
                    output = (output + part)[-OUTPUT_MAX:]

        copier = threading.Thread(target=copy_output, daemon=True)
        copier.start()
        code = self.pod.processes.wait(hook)
        copier.join(1)  # a process that left the hook's group may hold the pipe open for ever
        self._note("prestop-end", code=code, output=output.decode("utf-8", "replace"))
        if code != 0 and not abandoned.is_set():
            self.pod.emit_event("Warning", "FailedPreStopHook", "PreStopHook failed")
        with self.pod.changed:
            self.hook = None
            done.set()
            self.pod.changed.notify_all()

    # ---- telling ----

    def status(self):
        """This container's entry in containerStatuses. Call with pod.changed held."""
        running = self.alive()
        return {"name": self.name, "image": self.spec.get("image", ""), "imageID": "", "containerID": self.container_id,
                "state": self.state, "lastState": self.last_state if self.state is not self.last_state else {},
                "restartCount": self.restarts, "ready": running or (not self._keeps_running and self.exit_code == 0), "started": running}

    def _note(self, event, **more):
        self.pod.note(self.name, event, **more)
