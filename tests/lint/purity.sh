#!/bin/sh
# The core is pure: linked with what it needs of base/, its archive may leave nothing undefined but memory, string and sorting
# primitives and the formatting of numbers into a buffer. No clock, no file, no socket, no random source, no output.
# Usage: purity.sh <build directory>
set -eu
build=$1
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
ld -r -o "$tmp" --whole-archive "$build/libcoordinator.a" --no-whole-archive "$build/libbase.a"
pure='^(_GLOBAL_OFFSET_TABLE_|malloc|calloc|realloc|free|qsort|bsearch|abort|__assert_fail|__stack_chk_fail'
pure="$pure|mem(cpy|move|set|cmp|chr)|__mem(cpy|move|set)_chk|str(len|cmp|ncmp|chr|rchr|dup|ndup|cpy)|__str(cpy|ncpy)_chk"
pure="$pure|strtoll|__isoc23_strtoll|__errno_location|v?snprintf|__v?snprintf_chk)\$"
bad=$(nm -u "$tmp" | awk '{print $2}' | grep -Ev "$pure" || true)
if [ -n "$bad" ]; then
	echo "purity: the core reaches outside: "$bad
	exit 1
fi
