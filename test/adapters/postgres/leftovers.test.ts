// A server process that ends gives its memory back before it closes its files, which takes as long as there is memory.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findServerProcesses } from '../../../src/postgres/server/postmaster.ts'

const HOG = `
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  size_t size = (size_t)1 << 30;
  char *held = malloc(size);
  if (held == NULL) return 1;
  memset(held, 1, size);
  if (write(1, held, 1) != 1) return 1;
  alarm(60);
  for (;;) pause();
}
`

test('a killed server process counts until it has closed its files', async () => {
  const home = await mkdtemp(join(tmpdir(), 'hactl-leftover-'))
  await writeFile(join(home, 'hog.c'), HOG)
  execFileSync('gcc', ['-o', join(home, 'postgres'), join(home, 'hog.c')])
  const child = spawn(join(home, 'postgres'), { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(child.stdout, 'data')
    const found = async () => (await findServerProcesses(home, 'postgres')).map(({ pid }) => pid)
    const place = () => readlink(`/proc/${child.pid}/cwd`).catch(() => null)
    expect([await found(), await place()]).toEqual([[child.pid], home])
    child.kill('SIGKILL')
    while ((await found()).length > 0) await new Promise(resolve => setImmediate(resolve))
    expect(await place()).toBeNull()
  } finally {
    child.kill('SIGKILL')
    await rm(home, { recursive: true })
  }
})
