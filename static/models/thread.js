/*
  One conversation: who takes part, what is unread and since when somebody waits, its history and its outbox.
  It learns from the list of threads (`describe`) and from frames; it asks nothing of the page.

  Events: change (what a list shows) · typing · marks (somebody has read).
*/

import { now } from "../helpers/clock.js"
import { wellFormed } from "../helpers/text.js"
import { uuid7 } from "../helpers/uuid.js"
import { History } from "./history.js"
import { Outbox } from "./outbox.js"

const TYPING_LASTS = 6_000
const TYPING_EVERY = 3_000

const ROLES = ["member", "professional", "companion"]
const byRole = (one, other) => ROLES.indexOf(one.role) - ROLES.indexOf(other.role)

export class Thread extends EventTarget {
  participants = []
  lastSeq = 0
  readSeq = 0
  unread = 0
  waitingSince = null
  last = null
  #reader
  #send
  #typing = new Map()
  #typedAt = 0

  /** `reader` is the account that looks at it; `send` takes a frame to the service and tells whether it left. */
  constructor(id, { reader, safe, send }) {
    super()
    this.id = id
    this.#reader = reader
    this.#send = send
    this.history = new History(this)
    this.outbox = new Outbox(id, safe, send)
  }

  // Who

  get others() {
    return this.participants.filter(({ id }) => id !== this.#reader.id)
  }

  get member() {
    return this.participants.find(({ role }) => role === "member")
  }

  /** Those who answer the member. */
  get staff() {
    return this.participants.filter(({ role }) => role !== "member")
  }

  get typing() {
    return this.others.filter(({ id }) => this.#typing.has(id))
  }

  nameOf(account) {
    return this.participants.find(({ id }) => id === account)?.first_name
  }

  isMine(message) {
    return message.author === this.#reader.id
  }

  /** Name the others who have seen a message. */
  seenBy({ seq }) {
    return this.others.filter((participant) => participant.read_seq >= seq)
  }

  // Actions

  /** Take what the list of threads says. A live frame may have overtaken it: marks and numbers never go back. */
  describe({ participants, last_seq, read_seq, unread, waiting_since, last }) {
    this.participants = participants.map((participant) => this.#neverBack(participant)).sort(byRole)
    const isBehind = last_seq < this.lastSeq || read_seq < this.readSeq
    if (!isBehind) Object.assign(this, { lastSeq: last_seq, readSeq: read_seq, unread, waitingSince: waiting_since, last })
    if (read_seq < this.readSeq) this.#sendRead(this.readSeq) // The mark was lost with the line that carried it.
    if (this.history.isLoaded && this.lastSeq > this.history.last) this.history.catchUp()
    this.#tell("change")
    this.#tell("marks")
  }

  write(text) {
    const at = new Date(now()).toISOString()
    this.outbox.add({ id: uuid7(), thread: this.id, author: this.#reader.id, kind: "text", at, text: wellFormed(text) })
  }

  /** Take a message, live or our own confirmed one. */
  receive(message) {
    this.#typing.delete(message.author)
    if (message.seq > this.lastSeq) this.#advance(message)
    this.history.receive(message)
    this.outbox.confirm(message.id)
    this.#tell("typing")
  }

  /** The reader has seen everything there is; tell the service if it does not know. */
  markRead() {
    const seq = this.history.last
    if (seq <= this.readSeq || !this.#sendRead(seq)) return
    this.noteRead(this.#reader.id, seq)
  }

  noteRead(account, seq) {
    const participant = this.participants.find(({ id }) => id === account)
    if (participant) participant.read_seq = Math.max(participant.read_seq, seq)
    if (account === this.#reader.id) this.#noteOwnRead(seq)
    this.#tell("marks")
  }

  notePresence(account, online) {
    const participant = this.participants.find(({ id }) => id === account)
    if (!participant || participant.online === online) return
    participant.online = online
    this.#tell("change")
  }

  noteTyping(account) {
    clearTimeout(this.#typing.get(account))
    this.#typing.set(account, setTimeout(() => this.#stopTyping(account), TYPING_LASTS))
    this.#tell("typing")
  }

  /** The reader types; said now and then only. */
  tellTyping() {
    if (Date.now() - this.#typedAt < TYPING_EVERY) return
    if (this.#send({ type: "typing", thread: this.id })) this.#typedAt = Date.now()
  }

  // Internal

  #sendRead(seq) {
    return this.#send({ type: "read", thread: this.id, seq })
  }

  #advance(message) {
    const isNext = message.seq === this.lastSeq + 1
    this.lastSeq = message.seq
    this.last = message
    if (this.isMine(message)) this.#noteOwnRead(message.seq)
    else this.unread += 1
    this.#noteWaiting(message)
    this.#tell("change")
    if (!isNext) this.#tell("gap")
  }

  #noteWaiting(message) {
    if (message.author === this.member?.id) this.waitingSince ??= message.at
    else if (message.kind === "text") this.waitingSince = null
  }

  #noteOwnRead(seq) {
    this.readSeq = Math.max(this.readSeq, seq)
    this.#typedAt = 0
    this.unread = this.readSeq >= this.lastSeq ? 0 : this.#countUnread()
    this.#tell("change")
  }

  #countUnread() {
    if (!this.history.isLoaded || this.history.first > this.readSeq + 1) return this.unread
    return this.history.messages.filter((message) => message.seq > this.readSeq && !this.isMine(message)).length
  }

  #neverBack(participant) {
    const known = this.participants.find(({ id }) => id === participant.id)
    return { ...participant, read_seq: Math.max(participant.read_seq, known?.read_seq ?? 0) }
  }

  #stopTyping(account) {
    this.#typing.delete(account)
    this.#tell("typing")
  }

  #tell(type) {
    this.dispatchEvent(new CustomEvent(type))
  }
}
