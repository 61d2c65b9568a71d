#!/bin/sh
# Builds the fencer: sh src/fencer/build.sh [OUT]. Static where the system has a static libc, which halves what
# it keeps in memory; dynamic elsewhere.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../build/hactl-fencer}
mkdir -p "$(dirname "$out")"
compile() {
  "${CC:-gcc}" -std=c11 -O2 -Wall -Wextra -Werror "$@" -o "$out.new" "$here"/*.c
}
compile -static 2>/dev/null || compile
# Renamed into place: a fencer that runs keeps its own file.
mv "$out.new" "$out"
