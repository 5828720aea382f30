#!/bin/sh
# Compares each golden trace with its file; --update rewrites the files instead.
# Usage: check.sh [--update] <golden binary>
set -eu
folder=$(dirname "$0")
update=
[ "$1" != --update ] || { update=1; shift; }
golden=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0
"$golden" --list >"$out/names"
while read -r name; do
	"$golden" "$name" >"$out/$name.txt" || { echo "golden: $name does not end well"; status=1; }
	if [ -n "$update" ]; then
		cp "$out/$name.txt" "$folder/$name.txt"
	else
		diff -u "$folder/$name.txt" "$out/$name.txt" >"$out/diff" 2>&1 ||
			{ echo "golden: $name is not as before"; cat "$out/diff"; status=1; }
	fi
done <"$out/names"
for file in "$folder"/*.txt; do
	grep -qx "$(basename "$file" .txt)" "$out/names" || { echo "golden: $file shows no behaviour"; status=1; }
done
[ $status = 0 ] || echo "golden: when that is meant, make golden-update, and read the difference"
exit $status
