// Replacing the data directory (initdb, a copy, a rewind, its removal) and writing settings into it exclude each other:
// settings were once written into a directory that had just been emptied, and the next bootstrap found it full. Nobody
// waits for a replacement, which may take hours: the start that follows it writes the settings anyway.

export class DirectoryWork {
  #replacing = 0
  #writing: Promise<unknown> = Promise.resolve()

  /** Begins when the settings have been written, which takes seconds (each of its programs has a limit). */
  async replace<T>(work: () => Promise<T>): Promise<T> {
    this.#replacing += 1
    try {
      await this.#writing
      return await work()
    } finally {
      this.#replacing -= 1
    }
  }

  /** null: the directory is being replaced. */
  async write<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#replacing > 0) return null
    const running = work()
    this.#writing = Promise.allSettled([this.#writing, running])
    return await running
  }
}
