// The demo's last words: how to talk to a kept cluster, and what the logs of a failed one contain.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Layout } from './layout.ts'
import type { Stage } from './stage.ts'

export async function explain({ options, layout, servers }: Stage): Promise<void> {
  const first = layout.nodes[0]
  const stop = join(layout.directory, 'stop.sh')
  const pids = servers.pids().map(({ pid }) => pid)
  await writeFile(stop, stopScript(pids, layout.directory), { mode: 0o755 })
  options.say(`\nstill running in ${layout.directory}. Talk to it:
  hactl list --config-file ${first?.config}
  psql 'host=127.0.0.1 port=${layout.proxyPort} user=postgres password=demo-password'
  tail -f ${first?.directory}/agent.log
End it with:
  ${stop}`)
}

/**
 * Waits for the servers to end, 20 seconds at most, because they write into the directory until then. By now a pid may
 * be that of another program, and an agent may have been started anew, so the script ends only processes that have
 * files of this demo open or in their command line.
 */
function stopScript(pids: readonly number[], directory: string): string {
  return `#!/bin/sh
# Ends this demo and removes it.
started=' ${pids.join(' ')} '
pids=''
for process in /proc/[0-9]*; do
  pid=\${process#/proc/}
  { words=$(tr '\\0' ' ' <"$process/cmdline"); } 2>/dev/null || continue
  case "$started $words" in
    *" $pid "*" $words" | *' hactl agent '*)
      { echo "$words"; ls -l "$process/fd"; } 2>/dev/null | grep -qF '${directory}/' && pids="$pids $pid" ;;
  esac
done
for pid in $pids; do kill "$pid" 2>/dev/null; done
tries=100
for pid in $pids; do
  while [ $tries -gt 0 ] && kill -0 "$pid" 2>/dev/null; do
    tries=$((tries - 1))
    sleep 0.2
  done
done
rm -rf '${directory}'
`
}

export async function tellLogs(layout: Layout, say: (line: string) => void): Promise<void> {
  for (const path of ['etcd.log', 'haproxy.log', ...layout.nodes.map(node => join(node.name, 'agent.log'))]) {
    const text = await readFile(join(layout.directory, path), 'utf8').catch(() => '')
    if (text !== '') say(`--- the end of ${path}:\n${text.trimEnd().split('\n').slice(-12).join('\n')}`)
  }
}
