"""Child processes that cannot outlive kube-sim.

Each child is the leader of a session of its own, so that its whole group can be killed, and asks the kernel to be killed when kube-sim dies
(PR_SET_PDEATHSIG). The kernel sends that signal when the *thread* that forked ends, so one thread, which lives as long as kube-sim,
forks all children. On kill -9 of kube-sim the grandchildren of a container are not reached; on every other exit they are.
"""

import ctypes
import os
import queue
import signal
import subprocess
import threading

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Processes:
    def __init__(self):
        self._lock = threading.Lock()
        self._running = {}
        self._closed = False
        self._orders = queue.SimpleQueue()
        threading.Thread(target=self._fork_all, name="forker", daemon=True).start()

    def start(self, command, env, cwd, output):
        """Start a process whose stdout and stderr go to `output` (a file, or subprocess.PIPE). Raises OSError."""
        reply = queue.SimpleQueue()
        self._orders.put((command, env, cwd, output, reply))
        result = reply.get()
        if isinstance(result, Exception):
            raise result
        return result

    def _fork_all(self):
        while True:
            *order, reply = self._orders.get()
            try:
                reply.put(self._fork(*order))
            except (OSError, ValueError) as error:  # ValueError: a NUL byte in an argument
                reply.put(OSError(str(error)))

    def _fork(self, command, env, cwd, output):
        parent = os.getpid()

        def die_with_parent():
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with self._lock:
            if self._closed:
                raise OSError("kube-sim is shutting down")
            process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       start_new_session=True, preexec_fn=die_with_parent)
            self._running[process.pid] = process
            return process

    def wait(self, process):
        """Wait for the end of a process and take the rest of its group with it, as the end of a container's first process does.
        Returns the exit code the way Kubernetes reports it: 128 + n for signal n."""
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:  # still unreaped, so that its process id and group id cannot have been used anew
            _kill_group(process)
            code = process.wait()
            del self._running[process.pid]
        return code if code >= 0 else 128 - code

    def signal(self, process, number):
        """Signal one process, if it still runs."""
        with self._lock:
            if process.pid in self._running:
                os.kill(process.pid, number)

    def kill_group(self, process):
        """SIGKILL to a process and its group, if it still runs."""
        with self._lock:
            if process.pid in self._running:
                _kill_group(process)

    def close(self):
        """Kill everything, and start nothing any more."""
        with self._lock:
            self._closed = True
            for process in self._running.values():
                _kill_group(process)


def _kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
