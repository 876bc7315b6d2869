/*
  All that a signed-in person corresponds about: their threads, the live line, the drafts. The one place that knows the frames.

  The list of threads is asked for again whenever the line comes back: what changed meanwhile (marks, who takes part) is told
  by no frame afterwards. Messages are resumed by number, for the threads whose history is here.

  Events: change (the list) · unread · about {thread, or null for any} · mails {thread} · rewound (to an older day) · refused {refusal}.
*/

import { askAhead, get } from "../../helpers/api.js"
import { pause } from "../../helpers/delay.js"
import { Connection } from "./connection.js"
import { Drafts } from "./drafts.js"
import { forgetPlaces } from "./reading-places.js"
import { forgetPreferences } from "../accounts/preferences.js"
import { Safe } from "../safe.js"
import { askDraftKeyAhead, draftKey } from "../accounts/session.js"
import { Thread } from "./thread.js"

const PAGE = 50
const RESUMED_AT_ONCE = 500 // The service takes 1,000.

export class Correspondence extends EventTarget {
  threads = new Map()
  hasMore = false
  isLoaded = false
  connection = new Connection()
  #order
  #isStale = false
  #refreshing = null
  #asked = {}
  #loadingMore = null
  #takes = {
    hello: () => this.#catchUp(),
    message: (frame) => this.#with(frame.thread, (thread) => thread.receive(frame)),
    sent: (frame) => this.#with(frame.thread, (thread) => this.#confirm(thread, frame)),
    read: ({ thread: id, account, seq }) => this.#with(id, (thread) => thread.noteRead(account, seq)),
    typing: ({ thread: id, account }) => this.#with(id, (thread) => thread.noteTyping(account)),
    presence: ({ account, online }) => this.threads.forEach((thread) => thread.notePresence(account, online)),
    participants: ({ thread: id, participants }) => {
      this.threads.get(id)?.noteParticipants(participants)
      this.refresh()
    },
    about: ({ thread }) => this.#tell("about", thread),
    mails: ({ thread }) => this.#tell("mails", thread),
    resumed: ({ threads }) => this.#compareEnds(threads),
    error: (frame) => this.#refuse(frame),
  }

  /** `order` is how the service sorts the threads: "" for the newest first, or "waiting". */
  constructor(account, safe, order = "") {
    super()
    this.account = account
    this.safe = safe
    this.drafts = new Drafts(safe)
    this.#order = order
    this.connection.addEventListener("frame", ({ detail }) => this.#takes[detail.type]?.(detail))
  }

  /** Ask ahead for all that the first view needs, while the service still tells who is there: each way to it costs time on a slow line. */
  static askAhead(order) {
    askDraftKeyAhead()
    askAhead(listPath(order))
  }

  static async of(account, order) {
    return new Correspondence(account, await Safe.open(account.id, await draftKey()), order)
  }

  get unreadThreads() {
    return [...this.threads.values()].filter(({ unread }) => unread > 0).length
  }

  get hasUnsent() {
    return (
      this.safe.names("outgoing:").length > 0 ||
      this.safe.names("draft:").length > 0 ||
      this.safe.names("note:").length > 0
    )
  }

  // Actions

  /** Load the list, take back what was not sent, and go live. */
  async start() {
    await this.#load()
    await this.#restoreUnsent()
    this.connection.open()
  }

  /** Ask for the list again, as far as it was loaded; requests while one is on its way are one more. */
  async refresh() {
    this.#isStale = true
    this.#refreshing ??= this.#refreshWhileStale().finally(() => (this.#refreshing = null))
    await this.#refreshing
  }

  /** Load the next page of the list; whoever asks meanwhile waits for the same one. */
  async loadMore() {
    if (!this.hasMore) return
    this.#loadingMore ??= this.#loadNext().finally(() => (this.#loadingMore = null))
    await this.#loadingMore
  }

  /** Load the whole list: somebody looks for a name. `rest` is waited for between two pages. */
  async loadAll(rest = () => null) {
    let known
    do {
      known = this.threads.size
      await this.loadMore()
      await rest()
    } while (this.hasMore && this.threads.size > known)
  }

  /** The account has other keys, or may have: keep what waits here under the present one. */
  async renewSafe() {
    await this.safe.turnTo(await draftKey().catch(() => null))
  }

  /** Leave nothing of this account in the browser. */
  leave() {
    this.connection.end()
    this.safe.clear()
    forgetPlaces()
    forgetPreferences()
    this.threads.clear()
  }

  // Internal

  async #load() {
    await this.#page()
    this.isLoaded = true
    this.#tell("change")
  }

  async #page(after) {
    const { threads } = await get(listPath(this.#order, after))
    for (const description of threads) this.#describe(description)
    this.hasMore = threads.length === PAGE
    return threads.map(({ id }) => id)
  }

  async #loadNext() {
    await this.#page([...this.threads.keys()].at(-1)).catch((refusal) => this.#tell("refused", refusal))
    this.#tell("change")
  }

  async #refreshWhileStale() {
    while (this.#isStale) {
      this.#isStale = false
      await this.#refreshOnce().catch((refusal) => this.#retryRefresh(refusal))
    }
  }

  async #refreshOnce() {
    const wanted = Math.max(1, this.threads.size)
    const present = await this.#page()
    while (this.hasMore && present.length < wanted) present.push(...(await this.#page(present.at(-1))))
    const known = new Set(present)
    const gone = [...this.threads.keys()].filter((id) => !known.has(id))
    if (!this.hasMore) gone.forEach((id) => this.threads.delete(id))
    this.#tell("change")
  }

  async #retryRefresh(refusal) {
    if (refusal.status === 401 || this.connection.state !== "live") return
    await pause(2000 + 2000 * Math.random())
    this.#isStale = true
  }

  #describe(description) {
    const thread = this.threads.get(description.id) ?? this.#add(description.id)
    thread.describe(description, this.connection.state === "live" && description.id in this.#asked)
  }

  #add(id) {
    const send = (frame) => this.connection.send(frame)
    const thread = new Thread(id, { reader: this.account, safe: this.safe, send })
    thread.addEventListener("change", () => this.#tell("change"))
    thread.addEventListener("gap", () => thread.history.isLoaded || this.refresh())
    this.threads.set(id, thread)
    return thread
  }

  async #restoreUnsent() {
    for (const name of this.safe.names("outgoing:")) {
      const message = await this.safe.find(name)
      if (message) this.threads.get(message.thread)?.outbox.restore(message)
    }
  }

  #catchUp() {
    const loaded = [...this.threads.values()].filter(({ history }) => history.isLoaded)
    const seqs = loaded.map(({ id, history }) => [id, history.resumesFrom])
    this.#asked = Object.fromEntries(seqs)
    do this.connection.send({ type: "resume", threads: Object.fromEntries(seqs.splice(0, RESUMED_AT_ONCE)) })
    while (seqs.length)
    // Who takes part may have changed: nothing is sent before that is known.
    this.refresh().then(() => this.threads.forEach(({ outbox }) => outbox.restart()))
  }

  /** What ends before what this page has seen is of an older day: the service came back from a backup. */
  #compareEnds(ends) {
    if (Object.entries(ends).some(([id, end]) => end < this.#asked[id])) this.#tell("rewound")
  }

  #confirm(thread, { id, seq, at }) {
    const message = thread.outbox.find(id)
    if (message)
      thread.receive({
        id,
        thread: thread.id,
        seq,
        at,
        author: this.account.id,
        kind: "text",
        text: message.text,
      })
  }

  #refuse(frame) {
    if (frame.id) this.threads.forEach(({ outbox }) => outbox.refuse(frame.id, frame))
  }

  #with(id, action) {
    const thread = this.threads.get(id)
    if (thread) action(thread)
    else this.refresh() // A conversation that has just been opened.
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

const listPath = (order, after) =>
  `/api/threads?${new URLSearchParams({ ...(order && { order }), ...(after && { after }) })}`
