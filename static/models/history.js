/*
  The messages of one thread that this page has, always without a gap: from some number to the newest known one.
  It grows upwards page by page, and downwards by what is delivered live; a jump in the numbers makes it ask for what is missing.

  Events: reset · earlier {messages} · added {messages} · failed {refusal}.
*/

import { get } from "../helpers/api.js"

const PAGE = 50
const CATCH_UP = 100

export class History extends EventTarget {
  messages = []
  isLoaded = false
  #thread
  #ids = new Set()
  #loading = null
  #catching = null

  constructor(thread) {
    super()
    this.#thread = thread
  }

  get first() {
    return this.messages[0]?.seq ?? 1
  }

  get last() {
    return this.messages.at(-1)?.seq ?? 0
  }

  get hasEarlier() {
    return this.isLoaded && this.first > 1
  }

  has(id) {
    return this.#ids.has(id)
  }

  // Actions

  /** Load the newest messages, once. */
  async load() {
    if (this.isLoaded) return
    await this.#once(async () => {
      const messages = await this.#fetch(`limit=${PAGE}`)
      this.#keep(messages, messages)
      this.isLoaded = true
      this.#tell("reset")
    })
    if (this.isLoaded && this.#thread.lastSeq > this.last) await this.catchUp()
  }

  async loadEarlier() {
    if (!this.hasEarlier) return
    await this.#once(async () => {
      const messages = await this.#fetch(`before=${this.first}&limit=${PAGE}`)
      this.#keep(messages, [...messages, ...this.messages])
      if (messages.length) this.#tell("earlier", { messages })
    })
  }

  /** Take a message that came live; tell whether it was the next one. */
  receive(message) {
    if (!this.isLoaded || message.seq <= this.last) return false
    if (message.seq > this.last + 1) {
      this.catchUp()
      return false
    }
    this.#append([message])
    return true
  }

  /** Fetch what followed. */
  async catchUp() {
    this.#catching ??= this.#follow().finally(() => (this.#catching = null))
    await this.#catching
  }

  // Internal

  async #follow() {
    try {
      let messages
      do {
        messages = await this.#fetch(`after=${this.last}&limit=${CATCH_UP}`)
        this.#append(messages.filter(({ seq }) => seq > this.last))
      } while (messages.length === CATCH_UP)
    } catch (refusal) {
      this.#tell("failed", { refusal })
    }
  }

  async #once(work) {
    this.#loading ??= work()
      .catch((refusal) => this.#tell("failed", { refusal }))
      .finally(() => (this.#loading = null))
    await this.#loading
  }

  async #fetch(query) {
    const { messages } = await get(`/api/threads/${this.#thread.id}/messages?${query}`)
    return messages
  }

  #append(messages) {
    if (!messages.length) return
    this.#keep(messages, [...this.messages, ...messages])
    this.#tell("added", { messages })
  }

  #keep(added, all) {
    for (const { id } of added) this.#ids.add(id)
    this.messages = all
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
