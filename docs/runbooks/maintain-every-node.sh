#!/bin/sh
# Planned maintenance of every node in turn: standbys first, the leader last.
#
#   maintain-every-node.sh CLUSTER COMMAND...
#
# `COMMAND... MEMBER` works on one member and returns when its agent is started again, e.g. a script that patches and
# reboots the host over ssh. A failure ends the run there: the member stays drained, which `hactl list` shows. Mend it,
# `hactl undrain` it, and start the run again.
set -eu
cluster=$1
shift

# Standbys first: the leader sorts last.
members=$(hactl list "$cluster" --format tsv |
  awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
               { print ($at["Role"] ~ /Leader/ ? 1 : 0), $at["Member"] }' |
  sort | cut -d ' ' -f 2-)

hactl check "$cluster"
for member in $members; do
  # If it leads, the leadership is handed over first.
  hactl drain "$cluster" "$member" --reason 'planned maintenance' --timeout 2m
  "$@" "$member"
  hactl wait "$cluster" --for "$member=streaming" --timeout 30m
  hactl undrain "$cluster" "$member"
  hactl check "$cluster" --wait 2m
done
