#!/bin/sh
# Out of maintenance mode after an incident: first what there is, then resume, then proof that it is well.
#
#   leave-pause.sh CLUSTER
#
# The moment the pause ends the agents act: they start what is down, and a standby may be promoted when nobody leads. So
# nothing is resumed while nobody accepts writes: name the one that shall lead (hactl failover --candidate) or start it, and
# call this again.
set -eu
cluster=$1

hactl list "$cluster"
# The pause itself is a finding: 7 is as good as it gets. 3 means that nobody accepts writes.
code=0
hactl check "$cluster" || code=$?
case $code in
0 | 7) ;;
*) exit "$code" ;;
esac
hactl resume "$cluster" --timeout 1m
hactl wait "$cluster" --for leader --for streaming --timeout 10m
hactl check "$cluster" --wait 2m
hactl history "$cluster"
