#!/bin/sh
# Layers point down only: a file of pkg-c/<layer> may include its own layer and those below it. coordinator/ stands on base/
# alone, kube/ and ticdc/ know nothing of each other, and nobody includes another layer's *_internal.h.
set -eu
cd "$(dirname "$0")/../.."
status=0

allowed() {
	case $1 in
	base) echo base ;;
	coordinator) echo "coordinator base" ;;
	net) echo "net base" ;;
	kube) echo "kube net base" ;;
	ticdc) echo "ticdc net coordinator base" ;;
	sidecar) echo "sidecar ticdc kube net coordinator base" ;;
	*) echo "" ;;
	esac
}

for dir in pkg-c/*/; do
	layer=$(basename "$dir")
	ok=$(allowed "$layer")
	[ -n "$ok" ] || { echo "layers: $dir has no rule in $0"; status=1; continue; }
	for file in "$dir"*.[ch]; do
		for other in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
			case " $ok " in
			*" $other "*) ;;
			*) echo "layers: $file includes $other/, which $layer/ may not know"; status=1 ;;
			esac
		done
		bad=$(grep -n '^#include ".*_internal\.h"' "$file" | grep -v "\"$layer/" || true)
		[ -z "$bad" ] || { echo "layers: $file includes the inside of another layer: $bad"; status=1; }
	done
done
exit $status
