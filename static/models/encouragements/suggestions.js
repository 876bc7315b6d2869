/*
  What is suggested to a companion, at most one per thread, and which reminders went by themselves. Asks the service, which knows
  what still stands: a suggestion is gone once the member has written.

  Events: change.
*/

import { get, post } from "../../helpers/api.js"

export class Suggestions extends EventTarget {
  #byThread = new Map()
  #reminders = new Map()

  /** The suggestion in a thread: `id`, `why`, `text`. */
  of(thread) {
    return this.#byThread.get(thread.id)
  }

  /** The last reminder that went in a thread by itself: `why`, `at`. */
  reminderOf(thread) {
    return this.#reminders.get(thread.id)
  }

  get threads() {
    return [...this.#byThread.keys()]
  }

  /** Ask anew; where the service is away, what was known stays. */
  async load() {
    const found = await get("/api/suggestions").catch(() => null)
    if (!found) return
    this.#byThread = new Map(found.suggestions.toReversed().map((one) => [one.thread, one]))
    this.#reminders = new Map(found.reminders.map((one) => [one.thread, one]))
    this.#tell()
  }

  /** Send a text as one's own message. Raises Refusal: `moved_on` if it is too late, and then the suggestion is gone. */
  async send(suggestion, text) {
    await this.#settle(suggestion, post(`/api/suggestions/${suggestion.id}/send`, { text }))
  }

  /** Have it not shown any more. */
  async dismiss(suggestion) {
    await this.#settle(suggestion, post(`/api/suggestions/${suggestion.id}/dismiss`))
  }

  // Internal

  async #settle(suggestion, asked) {
    try {
      await asked
      this.#drop(suggestion)
    } catch (refusal) {
      if (refusal.status === 409 || refusal.status === 404) this.#drop(suggestion)
      throw refusal
    }
  }

  #drop({ thread, id }) {
    if (this.#byThread.get(thread)?.id === id) this.#byThread.delete(thread)
    this.#tell()
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("change"))
  }
}

export const rules = async () => (await get("/api/encouragements")).rules
export const switchRule = (name, on) => post(`/api/encouragements/${name}`, { on })
