"""Runs the end-to-end scenarios, several at a time (they mostly wait), and prints a line for each.

    python3 tests/e2e/run.py [name ...]        all, or those whose names contain one of the words
    python3 tests/e2e/run.py --valgrind        one full drain with every sidecar under valgrind

After each scenario, besides its own claims: no capture was told to stop while it held work (unless the scenario is about a
release by policy), and no sanitizer said a word. The logs of a scenario that fails stay in its temporary directory, whose name is
printed; with KEEP=1 those of every scenario.
"""

import concurrent.futures
import sys
import threading
import time
import traceback

import scenarios_acknowledge
import scenarios_api
import scenarios_drain
import scenarios_families
import scenarios_faults
import scenarios_requests
import scenarios_rows_answers
import scenarios_rows_books
import scenarios_rows_classic
import scenarios_rows_hidden
import scenarios_rows_identity
import scenarios_rows_process
import scenarios_schedulers
import scenarios_security

PARALLEL = 4
VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite",
            "--error-exitcode=99", "--trace-children=no"]


def all_scenarios():
    found = {}
    for module in (scenarios_drain, scenarios_requests, scenarios_faults, scenarios_acknowledge, scenarios_schedulers,
                   scenarios_families, scenarios_api, scenarios_rows_answers, scenarios_rows_books, scenarios_rows_classic,
                   scenarios_rows_hidden, scenarios_rows_identity, scenarios_rows_process, scenarios_security):
        found.update((name[len("scenario_"):], function) for name, function in vars(module).items()
                     if name.startswith("scenario_"))
    return found


def run_one(name, scenario):
    began, error = time.monotonic(), None
    threading.current_thread().name = name  # the harness prints it beside the folder of the logs
    try:
        scenario()
    except Exception:  # a scenario may fail in any way: all are reported, none stops the others
        error = traceback.format_exc()
    print(f"{'ok  ' if error is None else 'FAIL'} {name} ({time.monotonic() - began:.1f} s)", flush=True)
    return name, error


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    chosen = {name: function for name, function in all_scenarios().items() if not words or any(w in name for w in words)}
    if "--valgrind" in sys.argv:
        chosen = {"valgrind_full_drain": lambda: scenarios_drain.full_drain_under(VALGRIND)}
    if not chosen:
        sys.exit(f"no scenario's name contains {' or '.join(words)}. There are:\n  " + "\n  ".join(sorted(all_scenarios())))
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        results = list(pool.map(lambda item: run_one(*item), chosen.items()))
    failed = [(name, error) for name, error in results if error]
    for name, error in failed:
        print(f"\n---- {name}\n{error}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
