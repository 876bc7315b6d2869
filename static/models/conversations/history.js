/*
  The messages of one thread that this page has, always without a gap: from some number to some other, mostly the newest.
  It grows upwards page by page, and downwards by what is delivered live; a jump in the numbers makes it ask for what is missing.
  Where it was begun in the middle (the first unread, a place that was left, something found) it is detached: what is delivered
  live is not its own before it has grown down to it, page by page.

  Events: reset · earlier · later · added {messages} · failed {refusal}.
*/

import { get } from "../../helpers/api.js"

const PAGE = 50
const CATCH_UP = 100

export class History extends EventTarget {
  messages = []
  isLoaded = false
  isDetached = false
  #thread
  #ids = new Set()
  #loading = null
  #catching = null
  #hasBeginning = false

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
    return this.isLoaded && this.first > 1 && !this.#hasBeginning
  }

  /** From which number on the service is to send again what this page may have missed. */
  get resumesFrom() {
    return this.isDetached ? this.#thread.lastSeq : this.last
  }

  has(id) {
    return this.#ids.has(id)
  }

  /** Find the place of a number, or of the next one that is there. */
  indexOf(seq) {
    let [low, high] = [0, this.messages.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.messages[middle].seq < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  // Actions

  /** Load once: the newest messages, or those around a number. */
  async load(around = null) {
    if (this.isLoaded) return
    await this.#once(() => this.#begin(around))
    if (this.isLoaded && this.#thread.lastSeq > this.last) await this.catchUp()
  }

  /** Be where a number is. */
  async goTo(seq) {
    if (this.isLoaded && seq >= this.first && seq <= this.last) return
    await this.#loading
    await this.#once(() => this.#begin(seq))
  }

  /** Be where the newest messages are. */
  async goToEnd() {
    await this.#loading
    if (!this.isDetached) return
    await this.#once(() => this.#begin(null))
    await this.catchUp()
  }

  async loadEarlier() {
    if (!this.hasEarlier) return
    await this.#once(async () => {
      const messages = await this.#fetch(`before=${this.first}&limit=${PAGE}`)
      this.#hasBeginning = messages.length < PAGE
      this.#keep(messages, [...messages, ...this.messages])
      this.#tell("earlier")
    })
  }

  async loadLater() {
    if (!this.isDetached) return
    await this.#once(async () => {
      const messages = await this.#fetch(`after=${this.last}&limit=${PAGE}`)
      this.#keep(messages, [...this.messages, ...messages])
      this.isDetached = messages.length === PAGE && this.last < this.#thread.lastSeq
      this.#tell("later")
    })
    if (this.#thread.lastSeq > this.last) await this.catchUp()
  }

  /** Take a message that came live; tell whether it was the next one. */
  receive(message) {
    if (!this.isLoaded || this.isDetached || message.seq <= this.last) return false
    if (message.seq > this.last + 1) {
      this.catchUp()
      return false
    }
    this.#append([message])
    return true
  }

  /** Fetch what followed. */
  async catchUp() {
    if (this.isDetached) return
    this.#catching ??= this.#follow().finally(() => (this.#catching = null))
    await this.#catching
  }

  // Internal

  async #begin(around) {
    const end = around + PAGE / 2
    const isInside = around !== null && end <= this.#thread.lastSeq
    const messages = await this.#fetch(isInside ? `before=${end}&limit=${PAGE}` : `limit=${PAGE}`)
    this.#ids.clear()
    this.#keep(messages, messages)
    Object.assign(this, { isLoaded: true, isDetached: isInside })
    this.#hasBeginning = messages.length < PAGE
    this.#tell("reset")
  }

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
