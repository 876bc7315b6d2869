/*
  The private note of one thread: kept by the service for its author alone, and saved by itself a moment after the last letter.
  What is not saved yet waits in the safe: a reload or a lost line loses none of it.

  States: loading · saved · waiting (just typed) · saving · failed (tried again by itself). Events: text · state.
*/

import { get, put } from "../../helpers/api.js"
import { backoff } from "../../helpers/delay.js"
import { wellFormed } from "../../helpers/words/text.js"

const REST = 700

export class Note extends EventTarget {
  text = ""
  state = "loading"
  #thread
  #safe
  #timer
  #attempt = 0

  constructor(thread, safe) {
    super()
    this.#thread = thread
    this.#safe = safe
  }

  async load() {
    if (this.state !== "loading") return
    const kept = await this.#safe.find(this.#name)
    try {
      const text = kept ?? (await get(this.#path)).text
      if (this.state !== "loading") return
      this.text = text
      this.#become(kept === undefined ? "saved" : "waiting")
      this.dispatchEvent(new CustomEvent("text"))
      if (kept !== undefined) this.save()
    } catch {
      this.#again(() => this.load())
    }
  }

  write(text) {
    this.text = wellFormed(text)
    this.#safe.keep(this.#name, this.text)
    this.#become("waiting")
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.save(), REST)
  }

  /** Save now; the page may be going. */
  async save() {
    clearTimeout(this.#timer)
    if (this.state !== "waiting" && this.state !== "failed") return
    this.#become("saving")
    const { text } = this
    try {
      await put(this.#path, { text }, { keepalive: true })
      this.#attempt = 0
      this.#settle(text)
    } catch {
      this.#become("failed")
      this.#again(() => this.save())
    }
  }

  // Internal

  get #name() {
    return `note:${this.#thread.id}`
  }

  get #path() {
    return `/api/threads/${this.#thread.id}/note`
  }

  #settle(text) {
    if (text !== this.text) return // Typed on meanwhile: that is saved by its own timer.
    this.#safe.forget(this.#name)
    this.#become("saved")
  }

  #again(action) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(action, 1_000 + backoff(this.#attempt++))
  }

  #become(state) {
    this.state = state
    this.dispatchEvent(new CustomEvent("state"))
  }
}
