#!/bin/sh
# New passwords for the accounts that hactl uses.
#
#   rotate-passwords.sh CLUSTER SQL-FILE COMMAND...
#
# SQL-FILE holds the ALTER ROLE ... PASSWORD statements and is readable by nobody else. `COMMAND... MEMBER` writes the new
# passwords into the YAML file on the member's host and reloads nothing. The old ones are needed once more, by this script:
# PGUSER, and PGPASSWORD or PGPASSFILE, of a superuser.
set -eu
cluster=$1
sql=$2
shift 2

hactl check "$cluster"
members=$(hactl list "$cluster" --format tsv |
  awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at["Member"] }')
for member in $members; do
  "$@" "$member"
done
# From here to the reload only new sessions are refused; those that are open stay.
hactl query "$cluster" --role leader --dbname postgres --file "$sql"
hactl reload "$cluster" --force
hactl check "$cluster" --wait 2m
