/*
  Keeps what has not left the browser yet (drafts, unsent messages), encrypted under a key that only a signed-in page gets.

  What lies in the browser's storage is iv · ciphertext (AES-GCM); its name is authenticated with it, so a value opens
  only where it was put. Without WebCrypto or without storage everything still works, in memory, for as long as the page lives.
*/

import { fromBase64, toBase64 } from "../helpers/bytes.js"

const IV = 12

export class Safe {
  #prefix
  #key
  #memory = new Map()
  #writing = new Map()

  /** Open the safe of an account; a missing key means memory only. */
  static async open(account, key) {
    const isPossible = key && globalThis.crypto?.subtle
    return new Safe(account, isPossible ? await importKey(key) : null)
  }

  constructor(account, key) {
    this.#prefix = `ailo:${account}:`
    this.#key = key
  }

  // Actions

  /** Keep a value under a name; the last one given wins, however fast they come. */
  async keep(name, value) {
    this.#memory.set(name, value)
    if (!this.#writing.has(name)) this.#writing.set(name, this.#write(name))
    await this.#writing.get(name)
  }

  async find(name) {
    if (this.#memory.has(name)) return this.#memory.get(name)
    return this.read(name)
  }

  /** Read what is stored, past what this page remembers: another tab may have written. */
  async read(name) {
    const stored = attempt(() => localStorage.getItem(this.#prefix + name))
    return stored && this.#key ? this.#decrypt(name, stored) : undefined
  }

  forget(name) {
    this.#memory.delete(name)
    attempt(() => localStorage.removeItem(this.#prefix + name))
  }

  /** Remember what another tab has stored. */
  note(name, value) {
    if (value) this.#memory.set(name, value)
    else this.#memory.delete(name)
  }

  /** List the names that begin so. */
  names(beginning) {
    const stored = attempt(() => Object.keys(localStorage)) ?? []
    const names = stored
      .filter((key) => key.startsWith(this.#prefix))
      .map((key) => key.slice(this.#prefix.length))
    return [...new Set([...names, ...this.#memory.keys()])]
      .filter((name) => name.startsWith(beginning))
      .sort()
  }

  clear() {
    for (const name of this.names("")) this.forget(name)
    this.#key = null
  }

  /** Go on under another key: what can still be opened is kept anew under it. */
  async turnTo(key) {
    const names = this.names("")
    const values = await Promise.all(names.map((name) => this.find(name)))
    if (!key || !globalThis.crypto?.subtle) return
    this.#key = await importKey(key)
    await Promise.all(
      names.map((name, place) => values[place] !== undefined && this.keep(name, values[place])),
    )
  }

  /** Tell the name that a storage event is about, null if it is not one of ours. */
  nameOf(storageKey) {
    return storageKey?.startsWith(this.#prefix) ? storageKey.slice(this.#prefix.length) : null
  }

  // Internal

  async #write(name) {
    let value, key
    do {
      ;[value, key] = [this.#memory.get(name), this.#key]
      await this.#writeOnce(name, value)
    } while (this.#memory.has(name) && (this.#memory.get(name) !== value || this.#key !== key))
    this.#writing.delete(name)
  }

  async #writeOnce(name, value) {
    const stored = this.#key && (await this.#encrypt(name, value))
    // Forgotten while it was being encrypted: it must not come back.
    if (stored && this.#memory.has(name)) attempt(() => localStorage.setItem(this.#prefix + name, stored))
  }

  async #encrypt(name, value) {
    const iv = crypto.getRandomValues(new Uint8Array(IV))
    const plain = new TextEncoder().encode(JSON.stringify(value))
    const sealed = await crypto.subtle.encrypt(this.#terms(name, iv), this.#key, plain)
    return toBase64(new Uint8Array([...iv, ...new Uint8Array(sealed)]))
  }

  async #decrypt(name, stored) {
    try {
      const bytes = fromBase64(stored)
      const plain = await crypto.subtle.decrypt(
        this.#terms(name, bytes.slice(0, IV)),
        this.#key,
        bytes.slice(IV),
      )
      return JSON.parse(new TextDecoder().decode(plain))
    } catch {
      return undefined // Damaged, or kept under a key of before: as if it were not there.
    }
  }

  #terms(name, iv) {
    return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(this.#prefix + name) }
  }
}

const importKey = (key) =>
  crypto.subtle.importKey("raw", fromBase64(key), "AES-GCM", false, ["encrypt", "decrypt"])

/** Storage may be forbidden or full; the page goes on without it. */
function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}
