// A FIFO in the place of a watchdog device, with a reader that keeps what was written to it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { ended, until } from './stage.ts'

export class Fifo {
  readonly path: string
  readonly #log: string
  #reader: ChildProcess | null = null

  constructor(path: string) {
    this.path = path
    this.#log = `${path}.log`
  }

  static async open(path: string): Promise<Fifo> {
    const fifo = new Fifo(path)
    // For an agent that runs as another user, too.
    const made = spawnSync('mkfifo', ['-m', '666', path], { encoding: 'utf8' })
    if (made.status !== 0) throw new Error(made.stderr)
    await fifo.read()
    return fifo
  }

  /** Open for reading and writing: otherwise it would be at its end whenever nobody writes. */
  async read(): Promise<void> {
    await writeFile(this.#log, '')
    const reader = spawn(
      'sh',
      ['-c', 'exec 3<>"$1"; echo there >"$2"; exec cat <&3 >>"$2"', 'sh', this.path, this.#log],
      {
        stdio: 'ignore',
      },
    )
    this.#reader = reader
    await until('the FIFO is read', async () => (await readFile(this.#log, 'utf8')).startsWith('there\n'))
  }

  async written(): Promise<string> {
    return (await readFile(this.#log, 'utf8')).replace('there\n', '')
  }

  async holds(text: string): Promise<void> {
    await until(
      `${JSON.stringify(text)} in the FIFO, not ${JSON.stringify(await this.written())}`,
      async () => (await this.written()) === text,
    )
  }

  async close(): Promise<void> {
    const reader = this.#reader
    if (reader === null) return
    reader.kill('SIGKILL')
    await until('the reader of the FIFO has ended', () => ended(reader))
  }
}
