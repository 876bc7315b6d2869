/*
  Canned replies: one's own, kept by the service for their author alone. They are saved as a whole, under a version: what another
  tab changed meanwhile is taken in, and the change made anew on top of it; only where both changed the same reply somebody must choose.
*/

import { get, put } from "../../helpers/api.js"
import { wellFormed } from "../../helpers/words/text.js"

const PATH = "/api/account/replies"
export const MOST = 100
const LARGEST = 100_000

/** There are as many as there may be, or together they are too long. */
export class TooMuch extends Error {}

/** Somebody changed the same reply elsewhere: `theirs`, or null where it was deleted. */
export class Clash extends Error {
  constructor(theirs) {
    super("changed elsewhere")
    this.theirs = theirs
  }
}

export class Replies {
  #kept = { replies: [], version: 0 }

  get all() {
    return this.#kept.replies
  }

  async load() {
    this.#kept = await get(PATH)
    return this
  }

  /** Keep a reply in the place of what it was, `base`; a new one has none. Raises Clash, TooMuch. */
  save(mine, base = null) {
    const clean = { id: mine.id, title: wellFormed(mine.title), text: wellFormed(mine.text) }
    return this.#change((replies) => {
      const theirs = replies.find(({ id }) => id === mine.id) ?? null
      if (!theirs && !base) return [...replies, clean]
      if (!same(theirs, base) && !same(theirs, clean)) throw new Clash(theirs)
      return replies.map((one) => (one === theirs ? clean : one))
    })
  }

  /** Delete a reply; gives what puts it back. Raises Clash. */
  async remove(base) {
    const place = this.all.findIndex(({ id }) => id === base.id)
    await this.#change((replies) => {
      const theirs = replies.find(({ id }) => id === base.id)
      if (theirs && !same(theirs, base)) throw new Clash(theirs)
      return replies.filter((one) => one !== theirs)
    })
    return () =>
      this.#change((replies) =>
        replies.some(({ id }) => id === base.id)
          ? replies
          : [...replies.slice(0, place), base, ...replies.slice(place)],
      )
  }

  // Internal

  async #change(make) {
    for (;;) {
      const { replies, version } = this.#kept
      const wanted = make(replies)
      if (wanted.length > replies.length && wanted.length > MOST) throw new TooMuch()
      if (new TextEncoder().encode(JSON.stringify(wanted)).length > LARGEST) throw new TooMuch()
      try {
        this.#kept = await put(PATH, { replies: wanted, version })
        return
      } catch (refusal) {
        if (refusal.code !== "conflict") throw refusal
        await this.load()
      }
    }
  }
}

const same = (one, other) =>
  one === other || (one && other && one.title === other.title && one.text === other.text)
