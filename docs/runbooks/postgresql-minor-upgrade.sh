#!/bin/sh
# A new minor version of PostgreSQL: installed on every node, then the servers are restarted one after the other.
#
#   postgresql-minor-upgrade.sh CLUSTER COMMAND...
#
# `COMMAND... MEMBER` installs the packages on the member's host and does not restart PostgreSQL. The restarts are hactl's: standbys
# first, each back to streaming before the next, then a switchover, and the former leader last. When it stops at a failure
# (exit code 7), call `hactl rolling restart` again with the --since that it names: it goes on where it stopped.
set -eu
cluster=$1
shift

hactl check "$cluster"
members=$(hactl list "$cluster" --format tsv |
  awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at["Member"] }')
for member in $members; do
  "$@" "$member"
done
hactl rolling restart "$cluster" --force --timeout 30m
hactl check "$cluster" --wait 2m
hactl version "$cluster"
