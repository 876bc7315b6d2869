/*
  The e-mails of one's own that wait in a thread for one's word, because nobody vouches that one wrote them; the whole of an e-mail
  behind a message; and the end of the addresses that answers are taken at.

  Events: change.
*/

import { get, post, remove } from "../../helpers/api.js"

export class Mails extends EventTarget {
  #byThread = new Map()
  #gone = new Set()

  /** What waits in a thread, in the order in which it came: `id`, `at`, `subject`, `text`, `attachments`. */
  of(thread) {
    return this.#byThread.get(thread.id) ?? []
  }

  /** Ask anew; where the service is away, what was known stays. */
  async load(thread) {
    const found = await get(pathOf(thread)).catch(() => null)
    if (found) this.#keep(thread, found.mails)
  }

  /** Have one posted as one's own message. Raises Refusal; with 404 it waits no more. */
  async take(thread, mail) {
    thread.receive(await this.#settle(thread, mail, "take"))
  }

  /** Have one removed for good. Raises Refusal; with 404 it waits no more. */
  async discard(thread, mail) {
    await this.#settle(thread, mail, "discard")
  }

  // Internal

  async #settle(thread, mail, deed) {
    try {
      const answer = await post(`${pathOf(thread)}/${mail.id}/${deed}`)
      this.#drop(thread, mail)
      return answer
    } catch (refusal) {
      if (refusal.status === 404) this.#drop(thread, mail)
      throw refusal
    }
  }

  /** An answer that was on its way meanwhile does not bring it back. */
  #drop(thread, { id }) {
    this.#gone.add(id)
    this.#keep(thread, this.of(thread))
  }

  #keep(thread, mails) {
    this.#byThread.set(
      thread.id,
      mails.filter(({ id }) => !this.#gone.has(id)),
    )
    this.dispatchEvent(new CustomEvent("change"))
  }
}

/** All of the e-mail behind a message: `subject`, `text`, `attachments`. Raises Refusal, with 404 if it is not kept. */
export const wholeMail = (thread, message) => get(`${pathOf(thread)}/${message.id}`)

/** Have the e-mails that one has received take no more answers. */
export const refuseAnswers = () => remove("/api/account/reply-addresses")

const pathOf = ({ id }) => `/api/threads/${id}/mails`
