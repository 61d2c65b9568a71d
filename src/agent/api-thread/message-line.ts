// Questions and answers between two threads over one port, both ways. A question has a number; its answer, or why there is
// none, comes back with it. What is told needs no answer. Everything arrives in the order in which it was sent.

import { errorText } from '../../model/error-text.ts'

type Message =
  | { readonly is: 'ask'; readonly id: number; readonly question: unknown }
  | { readonly is: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly is: 'failure'; readonly id: number; readonly why: string }
  /** Whoever asked does not want the answer any more. */
  | { readonly is: 'dropped'; readonly id: number }
  | { readonly is: 'told'; readonly news: unknown }

/** A `MessagePort` or a `Worker`. */
interface Port {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: Message) => void): unknown
}

/** What one side does for the other. */
interface Answering<Question, News> {
  /** Rejects when there is no answer. `dropped` aborts when nobody waits for it any more. */
  answer(question: Question, dropped: AbortSignal): Promise<unknown>
  told(news: News): void
}

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

const DROPPED = 'nobody waits for the answer'

export class MessageLine<Asks, Tells, Answers, Hears> {
  readonly #port: Port
  readonly #answering: Answering<Answers, Hears>
  readonly #waiting = new Map<number, Waiting>()
  readonly #answered = new Map<number, AbortController>()
  #last = 0

  constructor(port: Port, answering: Answering<Answers, Hears>) {
    this.#port = port
    this.#answering = answering
    port.on('message', message => this.#take(message))
  }

  tell(news: Tells): void {
    this.#send({ is: 'told', news })
  }

  /** Rejects when the other side has no answer or has ended, and at once when nobody wants the answer any more. */
  async ask(question: Asks, signal?: AbortSignal): Promise<unknown> {
    if (signal?.aborted === true) throw new Error(DROPPED)
    const id = ++this.#last
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const drop = (): void => this.#send({ is: 'dropped', id })
    this.#waiting.set(id, { resolve, reject })
    this.#send({ is: 'ask', id, question })
    signal?.addEventListener('abort', drop, { once: true })
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', drop)
    }
  }

  /** The other side has ended: nobody waits for it any more. */
  end(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(why))
    this.#waiting.clear()
    for (const answering of this.#answered.values()) answering.abort(why)
  }

  #send(message: Message): void {
    this.#port.postMessage(message)
  }

  #take(message: Message): void {
    switch (message.is) {
      case 'ask':
        void this.#answer(message.id, message.question as Answers)
        return
      case 'dropped':
        this.#answered.get(message.id)?.abort(DROPPED)
        return
      case 'told':
        this.#answering.told(message.news as Hears)
        return
      case 'answer':
        this.#waiting.get(message.id)?.resolve(message.answer)
        this.#waiting.delete(message.id)
        return
      case 'failure':
        this.#waiting.get(message.id)?.reject(new Error(message.why))
        this.#waiting.delete(message.id)
        return
      default:
        message satisfies never
    }
  }

  async #answer(id: number, question: Answers): Promise<void> {
    const dropped = new AbortController()
    this.#answered.set(id, dropped)
    try {
      this.#send({ is: 'answer', id, answer: await this.#answering.answer(question, dropped.signal) })
    } catch (error) {
      this.#send({ is: 'failure', id, why: errorText(error) })
    } finally {
      this.#answered.delete(id)
    }
  }
}
