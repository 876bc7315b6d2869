/*
  One conversation: who takes part, what is unread and since when somebody waits, its history and its outbox.
  It learns from the list of threads (`describe`) and from frames; it asks nothing of the page.

  A change of who takes part is shown, and nothing more is sent before the reader has acknowledged it: `pendingChange`.
  What the reader knew last is kept in the safe, so that a change that came while they were away is not passed over.

  Events: change (what a list shows) · typing · marks (somebody has read) · participants · access.
*/

import { now } from "../../helpers/server-clock.js"
import { wellFormed } from "../../helpers/words/text.js"
import { uuid7 } from "../../helpers/uuid.js"
import { History } from "./history.js"
import { Note } from "../staff/note.js"
import { Outbox } from "./unsent.js"
import { accessOf } from "./participants.js"

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
  closedAt = null
  about = null
  last = null
  access = null
  changes = []
  pendingChange = null
  /** Whether a word is suggested here (models/encouragements/suggestions.js). */
  isSuggested = false
  #safe
  #known
  #joined = {}
  #acknowledgesNext = false
  #loadingAccess = null
  #reader
  #former = new Map()
  #send
  #typing = new Map()
  #typedAt = 0

  /** `reader` is the account that looks at it; `send` takes a frame to the service and tells whether it left. */
  constructor(id, { reader, safe, send }) {
    super()
    this.id = id
    this.#reader = reader
    this.#send = send
    this.#safe = safe
    this.note = new Note(this, safe)
    this.history = new History(this)
    this.outbox = new Outbox(id, safe, (frame) => !this.pendingChange && send(frame))
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
    return this.participants.find(({ id }) => id === account)?.first_name ?? this.#former.get(account)
  }

  isMine(message) {
    return message.author === this.#reader.id
  }

  /** Name the others who have seen a message; a newcomer has seen nothing of what was written before. */
  seenBy({ seq }) {
    return this.others.filter(({ id, read_seq: readSeq }) => readSeq >= seq && seq > (this.#joined[id] ?? 0))
  }

  // Actions

  /** Take what the list of threads says. A live frame may have overtaken it: marks and numbers never go back.
      `isResumed`: the line brings what this history lacks, which is not asked for a second time. */
  describe({ participants, last_seq, read_seq, unread, waiting_since, closed_at, last }, isResumed = false) {
    this.#takeParticipants(participants)
    const isBehind = last_seq < this.lastSeq || read_seq < this.readSeq
    if (!isBehind)
      Object.assign(this, {
        lastSeq: last_seq,
        readSeq: read_seq,
        unread,
        waitingSince: waiting_since,
        closedAt: closed_at ?? null,
        last,
      })
    if (read_seq < this.readSeq) this.#sendRead(this.readSeq) // The mark was lost with the line that carried it.
    if (this.history.isLoaded && this.lastSeq > this.history.last && !isResumed) this.history.catchUp()
    this.#tell("change")
    this.#tell("marks")
  }

  /** Take what there is to know beside the messages: who has left keeps their name, who came saw nothing of before. */
  noteAbout(about) {
    Object.assign(this, { about, closedAt: about.closed_at, waitingSince: about.waiting_since })
    for (const { id, first_name: name } of about.past) this.#former.set(id, name)
    for (const { id, joined_seq: seq } of about.people)
      this.#joined[id] = Math.max(this.#joined[id] ?? 0, seq - 1)
    this.#tell("change")
    this.#tell("marks")
  }

  noteParticipants(participants) {
    this.#takeParticipants(participants)
    this.#tell("change")
    this.#tell("marks")
  }

  /** Ask who has access since when; asked again when that has changed. */
  async loadAccess() {
    if (this.access) return
    this.#loadingAccess ??= accessOf(this)
      .then((access) => (this.access = access))
      .catch(() => null) // Said again the next time that it is looked at.
      .finally(() => (this.#loadingAccess = null))
    if (await this.#loadingAccess) this.#tell("change")
  }

  /** The reader knows who takes part now. */
  acknowledge() {
    this.#known = namesOf(this.others)
    this.#safe.keep(`people:${this.id}`, this.#known)
    this.pendingChange = null
    this.#tell("participants")
    this.outbox.restart()
  }

  /** The reader makes the next change: there is nothing to tell them. */
  acknowledgeNext() {
    if (this.pendingChange) this.acknowledge()
    else this.#acknowledgesNext = true
  }

  write(text) {
    const at = new Date(now()).toISOString()
    this.outbox.add({
      id: uuid7(),
      thread: this.id,
      author: this.#reader.id,
      kind: "text",
      at,
      text: wellFormed(text),
    })
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
    this.#typing.set(
      account,
      setTimeout(() => this.#stopTyping(account), TYPING_LASTS),
    )
    this.#tell("typing")
  }

  /** The reader types; said now and then only. */
  tellTyping() {
    if (Date.now() - this.#typedAt < TYPING_EVERY) return
    if (this.#send({ type: "typing", thread: this.id })) this.#typedAt = Date.now()
  }

  // Internal

  #takeParticipants(participants) {
    const before = this.participants.map(({ id }) => id)
    for (const { id, first_name: name } of this.participants) this.#former.set(id, name)
    this.participants = participants.map((participant) => this.#neverBack(participant)).sort(byRole)
    const isSame =
      before.length === participants.length && participants.every(({ id }) => before.includes(id))
    if (!isSame) this.#compareWithKnown()
  }

  async #compareWithKnown() {
    this.access = null
    this.#known ??= await this.#safe.find(`people:${this.id}`)
    const known = this.#known
    this.#joined = (await this.#safe.find(`joined:${this.id}`)) ?? this.#joined
    if (!known) return this.acknowledge()
    for (const [id, name] of Object.entries(known)) this.#former.set(id, name)
    const present = namesOf(this.others)
    const came = missing(present, known)
    const left = missing(known, present)
    if (came.length) this.#noteJoined(Object.keys(present).filter((id) => !(id in known)))
    this.#noteChange(came.length || left.length ? { came, left, after: this.lastSeq } : null)
  }

  #noteJoined(newcomers) {
    for (const id of newcomers) this.#joined[id] = this.lastSeq
    this.#safe.keep(`joined:${this.id}`, this.#joined)
    this.#tell("marks")
  }

  #noteChange(change) {
    this.pendingChange = change
    if (change) this.changes.push(change)
    if (!change || this.#acknowledgesNext) this.acknowledge()
    else this.#tell("participants")
    this.#acknowledgesNext = false
  }

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
    if (message.kind === "text" || message.kind === "email") this.closedAt = null // Who writes takes it up again.
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
    if (!this.history.isLoaded || this.history.isDetached || this.history.first > this.readSeq + 1)
      return this.unread
    return this.history.messages.filter((message) => message.seq > this.readSeq && !this.isMine(message))
      .length
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

const namesOf = (people) => Object.fromEntries(people.map(({ id, first_name: name }) => [id, name]))

/** Name those of one list that another lacks. */
const missing = (names, others) =>
  Object.keys(names)
    .filter((id) => !(id in others))
    .map((id) => names[id])
