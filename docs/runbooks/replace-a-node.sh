#!/bin/sh
# A node is replaced by a new one with another name.
#
#   replace-a-node.sh CLUSTER OLD NEW COMMAND...
#
# `COMMAND... OLD NEW` stops the agent of the old node for good, if it still runs, and starts the one of the new node with an
# empty data directory. A living leader is left by a switchover first; a dead node is taken as it is.
set -eu
cluster=$1
old=$2
new=$3
shift 3

# Exit code 7: its agent does not answer; 4: it is gone altogether. Both are what a dead node looks like.
code=0
hactl drain "$cluster" "$old" --reason "replaced by $new" --timeout 1m || code=$?
case $code in 0 | 4 | 7) ;; *) exit "$code" ;; esac

"$@" "$old" "$new"
hactl wait "$cluster" --for "$new=streaming" --timeout 12h
# The note of the drain would keep the next node of that name from leading. None is there for a node that was gone.
hactl undrain "$cluster" "$old" --no-wait || [ $? -eq 4 ]
# Its slot is kept for a while, in case it comes back.
hactl check "$cluster" --without "$old" --wait 2m
