#!/usr/bin/env python3
"""Mutations: the core is broken on purpose, one way at a time, and some test must notice.

usage: mutate.py [--seeds N] [--jobs N] [NAME ...]

tests/mutate/mutations says what is broken and how; its head explains the form. Each worker has a copy of the tree below
build/mutate, built once; a mutation is written into it, built incrementally (MODE=mutate: no sanitizers, no warnings), and the
core's unit tests, some seeds of the simulation and the golden traces run. The first that fails has caught it, and so has
one that does not end in time. Nothing of the real tree is touched.

Status: 0 all caught; 1 some missed; 2 the list is not true any more (a text is not found exactly once, or does not build)."""
import argparse
import glob
import os
import queue
import re
import shutil
import subprocess
import sys
import threading

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
LIST = os.path.join(ROOT, "tests/mutate/mutations")
WORK = os.path.join(ROOT, "build/mutate")
UNIT_SECONDS, SIMULATE_SECONDS, BUILD_SECONDS = 20, 120, 300
TREE = ["pkg-c/base", "pkg-c/coordinator", "tests/simulation", "tests/golden"]


class Mutation:
    def __init__(self, name):
        self.name, self.breaks, self.todo, self.ways = name, "", "", []
        self.file = self.start = self.end = self.text = None  # where, once located

    def locate(self):
        """Finds the one place that one of the ways matches. Returns what is wrong, or None."""
        found, counts = [], []
        for pattern, old, new in self.ways:
            expression = r"\n[ \t]*".join(re.escape(line.strip()) for line in old)
            places = [(path, match) for path in sorted(glob.glob(os.path.join(ROOT, pattern)))
                      for match in re.finditer(expression, open(path, encoding="utf-8").read())]
            counts.append(str(len(places)))
            if len(places) == 1:
                found.append((places[0], new))
        if len(found) != 1:
            return "its text is found %s times" % " / ".join(counts or ["no"])
        (path, match), new = found[0]
        self.file, self.start, self.end = os.path.relpath(path, ROOT), match.start(), match.end()
        self.text = "\n".join(new)
        return None

    def apply(self, tree):
        with open(os.path.join(ROOT, self.file), encoding="utf-8") as file:
            original = file.read()
        with open(os.path.join(tree, self.file), "w", encoding="utf-8") as file:
            file.write(original[:self.start] + self.text + original[self.end:])
        return original


def read_list():
    mutations, pattern, old, new = [], "", [], []

    def end_way():
        if old or new:
            if not old or not mutations:
                sys.exit("%s: a '+' without '-' near %s" % (LIST, mutations[-1].name if mutations else "the top"))
            mutations[-1].ways.append((pattern, list(old), list(new)))
        old.clear()
        new.clear()

    for number, line in enumerate(open(LIST, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        key, _, value = line.partition(":")
        if not line.strip() or line.startswith("#") or line == "or":
            end_way()
        elif line[0] == "-":
            old.append(line[2:])
        elif line[0] == "+":
            new.append(line[2:])
        elif key == "mutation":
            end_way()
            mutations.append(Mutation(value.strip()))
        elif key == "file":
            end_way()
            pattern = value.strip()
        elif key in ("breaks", "todo") and mutations:
            setattr(mutations[-1], key, value.strip())
        else:
            sys.exit("%s:%d: not understood: %s" % (LIST, number, line))
    end_way()
    return mutations


def run(command, tree, seconds):
    """(status or None when it took too long, output)"""
    try:
        done = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                              env=dict(os.environ, CMOCKA_MESSAGE_OUTPUT="STDOUT", MAKEFLAGS=""))
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode("utf-8", "replace")


def first_failure(binary, status, output):
    failed = re.findall(r"^\[  FAILED  \] (\w+)$", output, re.M)
    begun = re.findall(r"^\[ RUN      \] (\w+)$", output, re.M)
    if status is None or status < 0:
        return "%s: %s (%s)" % (binary, begun[-1] if begun else "?", "hangs" if status is None else "crashes")
    return "%s: %s" % (binary, failed[0] if failed else output.strip().split("\n")[0][:100])


def tests_of(tree, seeds):
    """[(name, command, seconds)], cheap ones first."""
    tests = [(os.path.basename(path), [path], UNIT_SECONDS)
             for path in sorted(glob.glob(os.path.join(tree, "build/mutate/unit/test_coordinator_*")))
             if os.access(path, os.X_OK) and "." not in os.path.basename(path)]
    tests.sort(key=lambda test: test[0].endswith("_memory"))  # takes the longest
    tests.append(("simulate", ["build/mutate/simulate", "--small", "--seeds", str(seeds)], SIMULATE_SECONDS))
    if os.path.exists(os.path.join(tree, "build/mutate/golden")):
        tests.append(("golden", ["sh", "tests/golden/check.sh", "build/mutate/golden"], UNIT_SECONDS))
    return tests


def catch(tree, seeds):
    """The name of what fails, or None."""
    for name, command, seconds in tests_of(tree, seeds):
        status, output = run(command, tree, seconds)
        if status != 0:
            return first_failure(name, status, output)
    return None


def build(tree, jobs):
    return run(["make", "-s", "-j%d" % jobs, "MODE=mutate", "core-tests"], tree, BUILD_SECONDS)


def read_bytes(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def wanted_files():
    for path in TREE:
        for folder, _, names in os.walk(os.path.join(ROOT, path)):
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), ROOT)
    for path in glob.glob(os.path.join(ROOT, "tests/unit/*coordinator_*.[ch]")):
        yield os.path.relpath(path, ROOT)
    yield "Makefile"


def make_tree(tree):
    """A copy that keeps what it has built before. Only what differs is written, with the time of now: an object may be younger
    than the original and made from a mutation."""
    wanted = set(wanted_files())
    for path in wanted:
        content, target = read_bytes(os.path.join(ROOT, path)), os.path.join(tree, path)
        if read_bytes(target) != content:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(content)
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), tree)
            if not path.startswith("build/") and path not in wanted:
                os.unlink(os.path.join(tree, path))
    shutil.rmtree(os.path.join(tree, "build/mutate/unit"), ignore_errors=True)  # no tests that are not there any more


def prepare_worker(index, seeds):
    tree = os.path.join(WORK, "worker-%d" % index)
    make_tree(tree)
    status, output = build(tree, 2)
    if status != 0:
        sys.exit("mutate: the tree does not build as it is:\n" + output[-3000:])
    if index == 0:
        caught = catch(tree, seeds)
        if caught:
            sys.exit("mutate: fails as it is, before any mutation: " + caught)
    return tree


def judge(mutation, tree, seeds):
    original = mutation.apply(tree)
    try:
        status, output = build(tree, 1)
        if status != 0:
            return "DOES NOT BUILD", "; ".join(re.findall(r"error: .*", output)[:2]) or output[-200:]
        caught = catch(tree, seeds)
        return ("CAUGHT", caught) if caught else ("MISSED", "")
    finally:
        with open(os.path.join(tree, mutation.file), "w", encoding="utf-8") as file:
            file.write(original)


def judge_all(mutations, trees, seeds):
    waiting, results = queue.Queue(), {}
    for mutation in mutations:
        waiting.put(mutation)

    def work(tree):
        while True:
            try:
                mutation = waiting.get_nowait()
            except queue.Empty:
                return
            results[mutation.name] = judge(mutation, tree, seeds)
            print("%-14s %-44s %s" % (results[mutation.name][0], mutation.name, results[mutation.name][1]), flush=True)

    threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    mutations = [m for m in read_list() if not options.names or m.name in options.names]
    wrong = {m.name: m.locate() for m in mutations}
    todo = [m for m in mutations if wrong[m.name] and m.todo]
    stale = [m for m in mutations if wrong[m.name] and not m.todo]
    for mutation in stale:
        print("NOT TRUE ANY MORE: %s: %s" % (mutation.name, wrong[mutation.name]))
    if stale or not mutations:
        sys.exit(2)
    ready = [m for m in mutations if m not in todo]
    trees = [prepare_worker(i, options.seeds) for i in range(max(1, min(options.jobs, len(ready))))]
    results = judge_all(ready, trees, options.seeds)
    print("\n%-14s %-44s %s" % ("", "mutation", "breaks"))
    for mutation in mutations:
        print("%-14s %-44s %s" % (results.get(mutation.name, ("TODO",))[0], mutation.name, mutation.breaks))
    counts = {word: sum(1 for r in results.values() if r[0] == word) for word in ("CAUGHT", "MISSED", "DOES NOT BUILD")}
    print("\n%d caught, %d missed, %d do not build, %d to do" %
          (counts["CAUGHT"], counts["MISSED"], counts["DOES NOT BUILD"], len(todo)))
    sys.exit(2 if counts["DOES NOT BUILD"] else 1 if counts["MISSED"] else 0)


if __name__ == "__main__":
    main()
