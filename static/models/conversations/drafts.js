/* What somebody has begun to write, per thread; it survives a reload and an ended session, and goes when sent or signed out. */

export class Drafts {
  #safe

  constructor(safe) {
    this.#safe = safe
  }

  async of(thread) {
    return (await this.#safe.find(nameOf(thread))) ?? ""
  }

  keep(thread, text) {
    if (text) this.#safe.keep(nameOf(thread), text)
    else this.#safe.forget(nameOf(thread))
  }

  /** Tell what another tab has written into the storage, if it is the draft of this thread; undefined otherwise. */
  async heard(thread, storageKey) {
    if (this.#safe.nameOf(storageKey) !== nameOf(thread)) return undefined
    const text = (await this.#safe.read(nameOf(thread))) ?? ""
    this.#safe.note(nameOf(thread), text)
    return text
  }
}

const nameOf = (thread) => `draft:${thread.id}`
