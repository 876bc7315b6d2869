/*
  The messages of one thread that the service has not confirmed yet. They are kept, encrypted, until it has: a reload or a lost
  line loses none, and each is sent again under its own id, so that it arrives once. One at a time, so that they arrive in order.

  State of a message: pending (and hasLeft, once the line took it) · failed (no answer: sent again by itself when the line
  is back) · refused (the service said why).
*/

import { backoff } from "../../helpers/delay.js"

const PATIENCE = 8_000
const TRANSIENT = new Set(["busy", "slow_down"])

export class Outbox extends EventTarget {
  waiting = []
  #thread
  #safe
  #send
  #inFlight = null
  #timers = new Map()
  #refusals = 0

  /** `send` takes a frame to the service and tells whether it left. */
  constructor(thread, safe, send) {
    super()
    this.#thread = thread
    this.#safe = safe
    this.#send = send
  }

  find(id) {
    return this.waiting.find((message) => message.id === id)
  }

  // Actions

  add(message) {
    this.#safe.keep(this.#nameOf(message), message)
    this.restore(message)
    this.flush()
  }

  /** Take back a message kept by an earlier page. */
  restore(message) {
    if (this.waiting.some(({ id }) => id === message.id)) return
    this.waiting.push({ ...message, state: "pending" })
    this.#startTimer(message.id)
    this.#changed()
  }

  /** Send again what is waiting; the line has come (back). */
  restart() {
    this.#inFlight = null
    for (const message of this.waiting) if (message.state !== "refused") this.#makePending(message)
    this.flush()
  }

  retry(id) {
    const message = this.find(id)
    if (!message) return
    this.#makePending(message)
    this.#inFlight = null
    this.flush()
  }

  /** The service has it. */
  confirm(id) {
    if (!this.find(id)) return
    this.#refusals = 0
    this.drop(id)
    this.flush()
  }

  /** The service did not take it. */
  refuse(id, { code, message: said }) {
    const message = this.find(id)
    if (!message) return
    this.#inFlight = null
    if (TRANSIENT.has(code)) return this.#tryLater()
    clearTimeout(this.#timers.get(id))
    Object.assign(message, { state: "refused", said })
    this.#changed()
    this.flush()
  }

  drop(id) {
    const message = this.find(id)
    if (!message) return
    clearTimeout(this.#timers.get(id))
    this.waiting = this.waiting.filter((kept) => kept !== message)
    if (this.#inFlight === id) this.#inFlight = null
    this.#safe.forget(this.#nameOf(message))
    this.#changed()
  }

  /** Send the first message that waits, unless one is on its way. */
  flush() {
    const next = this.waiting.find(({ state }) => state !== "refused")
    if (!next || this.#inFlight) return
    const left = this.#send({ type: "send", id: next.id, thread: this.#thread, text: next.text })
    if (!left) return
    this.#inFlight = next.id
    next.hasLeft = true
    this.#changed()
  }

  // Internal

  #makePending(message) {
    Object.assign(message, { state: "pending", hasLeft: false, said: undefined })
    this.#startTimer(message.id)
    this.#changed()
  }

  #startTimer(id) {
    clearTimeout(this.#timers.get(id))
    this.#timers.set(
      id,
      setTimeout(() => this.#giveUp(id), PATIENCE),
    )
  }

  #giveUp(id) {
    const message = this.find(id)
    if (message?.state !== "pending") return
    message.state = "failed"
    if (this.#inFlight === id) this.#inFlight = null
    this.#changed()
    this.#tryLater()
  }

  #tryLater() {
    setTimeout(() => this.flush(), 300 + backoff(this.#refusals++))
  }

  #nameOf({ id }) {
    return `outgoing:${this.#thread}:${id}`
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"))
  }
}
