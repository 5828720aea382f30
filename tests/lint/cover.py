#!/usr/bin/env python3
"""Branches of C sources that were taken, from gcov: a table for each file, every branch never taken, and a least percentage.

usage: cover.py [--least PERCENT] FOLDER      (the folder with the .gcda files of one MODE=cover build)

A branch is one way out of a condition, as gcc -O0 compiles it: `a && b` has four. What is left out of the count, and why:
 - the branches of a line that begins with assert(: its other side is a wrong program that aborts;
 - a switch is counted by its groups of labels and not by gcov's edges. Its edge for values that are not in the enum, and a
   group that is nothing but X_COUNT (which -Wswitch-enum asks for), would again need a wrong program. A group is taken when
   the first line below its labels was executed.
Nothing else is. How many were left out is printed. Branches that only lack of memory takes are counted:
tests/unit/test_coordinator_memory.c takes them."""
import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys

LABEL = re.compile(r"\s*(case\s+(\w+)|default)\s*:")
SWITCH = re.compile(r"(\s*)switch \(")


def read_gcov(folder):
    """file -> line number -> (count, [counts of branches])"""
    notes = sorted(glob.glob(os.path.join(folder, "*.gcno")))
    if not notes:
        sys.exit("cover: no .gcno in %s" % folder)
    files = collections.defaultdict(dict)
    for note in notes:  # one at a time: a source that no binary linked has no .gcda, and counts as not taken
        out = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", note],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
        for one in json.loads(out)["files"]:
            if one["file"].startswith("/") or not os.path.exists(one["file"]):
                continue  # a system header, or a source that was there when the folder was built first
            for line in one["lines"]:
                known = files[one["file"]].get(line["line_number"], (0, []))
                files[one["file"]][line["line_number"]] = (
                    known[0] + line["count"], known[1] + [b["count"] for b in line["branches"]])
    return files


def switch_groups(source, start, indent):
    """[(line number of the first label, [labels], line number of the body)] of the switch that begins at start (from 1)."""
    groups, labels, first = [], [], 0
    for number in range(start + 1, len(source) + 1):
        line = source[number - 1]
        if line.startswith(indent + "}"):
            break
        label = LABEL.match(line)
        if label and line.startswith(indent + label.group(1)[0]):
            first = first if labels else number
            labels.append(label.group(2) or "default")
        elif labels and line.strip() and not line.strip().startswith(("/*", "*", "//")):
            groups.append((first, labels, number))
            labels = []
    return groups


class Counted:
    def __init__(self, path, lines):
        self.path, self.missed, self.branches, self.left_out = path, [], 0, 0
        self.lines = len(lines)
        self.lines_taken = sum(1 for count, _ in lines.values() if count)
        with open(path, encoding="utf-8") as file:
            self.source = file.read().split("\n")
        for number in sorted(lines):
            self.count_line(lines, number, lines[number][1])

    def count_line(self, lines, number, branches):
        text = self.source[number - 1]
        switch = SWITCH.match(text)
        if switch:
            self.count_switch(lines, number, switch.group(1))
        elif text.strip().startswith("assert("):
            self.left_out += len(branches)
        else:
            self.branches += len(branches)
            for i, count in enumerate(branches):
                if not count:
                    self.missed.append((number, "way %d of %d" % (i + 1, len(branches)), text.strip()))

    def count_switch(self, lines, number, indent):
        groups = switch_groups(self.source, number, indent)
        if not any("default" in labels for _, labels, _ in groups):
            self.left_out += 1
        for first, labels, body in groups:
            if all(label.endswith("_COUNT") for label in labels):
                self.left_out += 1
                continue
            self.branches += 1
            end = body
            while end not in lines and end < body + 6:
                end += 1  # a declaration or the rest of a statement has no count of its own
            if not lines.get(end, (0,))[0]:
                self.missed.append((first, "group", ", ".join(labels)))


def row(name, lines_taken, lines, missed, branches, left_out):
    percent = 100.0 * (branches - missed) / branches if branches else 100.0
    print("%-42s %5d/%-5d %5d/%-5d %6.1f %% %9d" %
          (name, lines_taken, lines, branches - missed, branches, percent, left_out))
    return percent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--least", type=float, default=0)
    parser.add_argument("folder")
    options = parser.parse_args()
    files = [Counted(path, lines) for path, lines in sorted(read_gcov(options.folder).items())]
    for file in files:
        for number, which, text in file.missed:
            print("never taken: %s:%d (%s): %s" % (file.path, number, which, text))
    print("%-42s %11s %11s %8s %9s" % ("file", "lines", "branches", "", "left out"))
    for file in files:
        row(file.path, file.lines_taken, file.lines, len(file.missed), file.branches, file.left_out)
    percent = row("all", *(sum(values) for values in zip(*(
        (f.lines_taken, f.lines, len(f.missed), f.branches, f.left_out) for f in files))))
    if percent < options.least:
        sys.exit("cover: %.1f %% of branches, less than %g %%" % (percent, options.least))


if __name__ == "__main__":
    main()
