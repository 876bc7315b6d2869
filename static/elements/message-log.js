/*
  <message-log>: the messages of one thread, oldest above.

  Nothing jumps: what loads above leaves the text where it is; what comes below scrolls only if one was at the end, else a
  button counts it. Only what others write while one watches is announced to screen readers. Tells `at-end`, `retry`, `take-back`.
*/

import { build, part, setText } from "../helpers/build.js"
import { sayNames } from "../helpers/people.js"
import { dayOf } from "../helpers/time.js"
import { now } from "../helpers/clock.js"
import { t, tn } from "../helpers/words.js"
import { MessageRow, sayAuthor } from "./message-row.js"

const NEAR_END = 64
const NEAR_START = 800
const ANNOUNCED_FOR = 10_000

class MessageLog extends HTMLElement {
  #thread
  #scroll
  #rows
  #byId = new Map()
  #isAtEnd = true
  #news = 0
  #unreadFrom = null
  #leaving = new AbortController()
  #today = dayOf(now())

  // Lifecycle

  connectedCallback() {
    this.#scroll = part(this, "scroll")
    this.#rows = part(this, "rows")
    this.#scroll.addEventListener("scroll", () => this.#noteScroll(), { passive: true })
    part(this, "news").addEventListener("click", () => this.#goToEnd())
    part(this, "reload").addEventListener("click", () => this.load())
    const resizing = new ResizeObserver(() => this.#isAtEnd && this.#scrollToEnd())
    resizing.observe(this.#scroll)
    resizing.observe(this.#rows)
    setInterval(() => this.#noteMidnight(), 30_000)
  }

  /** Show another thread; `empty` is what stands there before its first message. */
  show(thread, empty) {
    this.#leaving.abort()
    this.#leaving = new AbortController()
    this.#thread = thread
    this.#listen(this.#leaving.signal)
    part(this, "empty").replaceChildren(empty)
    this.#reset()
    this.load()
  }

  /** Load what is not there yet; asked for again when it failed, or when the line is back. */
  async load() {
    const { history } = this.#thread
    part(this, "trouble").hidden = true
    this.#showEdges()
    await history.load()
    this.#showEdges()
    this.#fillHeight()
  }

  get isAtEnd() {
    return this.#isAtEnd && Boolean(this.#thread?.history.isLoaded)
  }

  // Internal: listening

  #listen(signal) {
    const { history, outbox } = this.#thread
    history.addEventListener("reset", () => this.#reset(), { signal })
    history.addEventListener("earlier", ({ detail }) => this.#prepend(detail.messages), { signal })
    history.addEventListener("added", ({ detail }) => this.#append(detail.messages), { signal })
    history.addEventListener("failed", () => this.#noteFailure(), { signal })
    outbox.addEventListener("change", () => this.#showOutbox(), { signal })
    this.#thread.addEventListener("typing", () => this.#showTyping(), { signal })
    this.#thread.addEventListener("participants", () => this.#showChanges(), { signal })
    this.#thread.addEventListener("marks", () => this.#byId.forEach((row) => row.update()), { signal })
  }

  #noteFailure() {
    part(this, "trouble").hidden = this.#thread.history.isLoaded
    this.#showEdges()
  }

  // Internal: rows

  #reset() {
    const { messages, isLoaded } = this.#thread.history
    const { unread, readSeq } = this.#thread
    this.#unreadFrom = unread > 0 ? messages.find((message) => message.seq > readSeq && !this.#thread.isMine(message))?.id : null
    this.#setNews(0)
    this.#byId.clear()
    this.#rows.replaceChildren(...messages.map((message) => this.#makeRow(message)))
    part(this, "announce").replaceChildren()
    this.#arrange()
    this.#showOutbox()
    this.#showEdges()
    this.#showTyping()
    if (isLoaded) this.#goToBeginningOfUnread()
  }

  #prepend(messages) {
    const before = this.#scroll.scrollHeight - this.#scroll.scrollTop
    const oldest = this.#rows.firstElementChild
    this.#rows.prepend(...messages.map((message) => this.#makeRow(message)))
    this.#arrange(this.#rows.firstElementChild, oldest)
    this.#showEdges()
    this.#scroll.scrollTop = this.#scroll.scrollHeight - before
    this.#fillHeight()
  }

  #append(messages) {
    const wasAtEnd = this.#isAtEnd
    const foreign = messages.filter((message) => !this.#thread.isMine(message))
    const rows = messages.map((message) => this.#placeAtEnd(message))
    this.#arrange(rows[0].previousElementSibling ?? rows[0])
    this.#showEdges()
    this.#announce(foreign)
    if (wasAtEnd) this.#scrollToEnd()
    else this.#setNews(this.#news + foreign.length)
    this.#noteEnd()
  }

  /** An own message that was waiting keeps its row: it settles, it does not come again. */
  #placeAtEnd(message) {
    const row = this.#byId.get(message.id) ?? this.#makeRow(message, { isArriving: true })
    const firstWaiting = [...this.#rows.children].find(({ message: other }) => other.state && other.id !== message.id)
    row.update(message)
    if (!row.isConnected || row.nextElementSibling !== (firstWaiting ?? null)) this.#rows.insertBefore(row, firstWaiting ?? null)
    return row
  }

  #makeRow(message, options) {
    const row = new MessageRow()
    row.show(message, this.#thread, options)
    this.#byId.set(message.id, row)
    return row
  }

  /** Let rows know their neighbours, from one to another; without bounds, all. */
  #arrange(from = this.#rows.firstElementChild, to = null) {
    for (let row = from; row; row = row === to ? null : row.nextElementSibling) {
      const isFirstUnread = row.message.id === this.#unreadFrom
      const changes = this.#thread.changes.filter(({ after }) => after === row.message.seq)
      row.arrange(row.previousElementSibling?.message, row.nextElementSibling?.message, { isFirstUnread, changes })
    }
  }

  #showOutbox() {
    const { waiting } = this.#thread.outbox
    const wasAtEnd = this.#isAtEnd
    this.#removeGone(waiting)
    const added = waiting.filter(({ id }) => !this.#byId.has(id)).map((message) => this.#makeRow(message, { isArriving: true }))
    this.#rows.append(...added)
    for (const message of waiting) this.#byId.get(message.id).update(message)
    this.#arrange(this.#tailStart(waiting.length))
    this.#showEdges()
    if (added.length || wasAtEnd) this.#goToEnd()
  }

  #showChanges() {
    const wasAtEnd = this.#isAtEnd
    this.#arrange()
    this.#showEdges()
    if (wasAtEnd) this.#scrollToEnd()
  }

  #removeGone(waiting) {
    for (const [id, row] of this.#byId) {
      if (!row.message.state || waiting.some((message) => message.id === id)) continue
      row.remove()
      this.#byId.delete(id)
    }
  }

  #tailStart(count) {
    const { children } = this.#rows
    return children[Math.max(0, children.length - count - 2)]
  }

  // Internal: scrolling

  #noteScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END
    if (this.#isAtEnd) this.#noteEnd()
    if (scrollTop < NEAR_START) this.#thread?.history.loadEarlier()
  }

  #noteEnd() {
    if (!this.#isAtEnd) return
    this.#setNews(0)
    this.dispatchEvent(new CustomEvent("at-end", { bubbles: true }))
  }

  /** A tall window may hold more than one page. */
  #fillHeight() {
    if (this.#scroll.scrollTop < NEAR_START) this.#thread.history.loadEarlier()
  }

  #goToEnd() {
    this.#scrollToEnd()
    this.#isAtEnd = true
    this.#noteEnd()
  }

  #goToBeginningOfUnread() {
    this.#goToEnd()
    const row = this.#byId.get(this.#unreadFrom)
    if (!row || row.offsetTop >= this.#scroll.scrollTop) return
    this.#scroll.scrollTop = row.offsetTop - NEAR_END
    this.#noteScroll()
  }

  #scrollToEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight
  }

  // Internal: around the rows

  #showEdges() {
    const { history, outbox } = this.#thread
    const isEmpty = history.isLoaded && !history.messages.length && !outbox.waiting.length
    part(this, "empty").hidden = !isEmpty
    part(this, "loading").hidden = history.isLoaded ? !history.hasEarlier : !part(this, "trouble").hidden
    part(this, "start").hidden = !history.isLoaded || isEmpty || history.hasEarlier
    setText(part(this, "start"), t("Le début de votre conversation avec {names}", { names: sayNames(this.#thread.others) }))
  }

  #showTyping() {
    const { typing } = this.#thread
    const names = sayNames(typing)
    part(this, "typing").hidden = !typing.length
    if (typing.length) setText(part(this, "typing-names"), typing.length > 1 ? t("{names} écrivent", { names }) : t("{names} écrit", { names }))
    if (typing.length && this.#isAtEnd) this.#scrollToEnd()
  }

  #setNews(count) {
    this.#news = count
    part(this, "news").hidden = count === 0
    if (count) setText(part(this, "news"), tn("{n} nouveau message", "{n} nouveaux messages", count))
  }

  #announce(messages) {
    const lines = messages.map((message) => {
      const name = sayAuthor(message, this.#thread)
      return build("p", { text: t("{name} : {text}", { name, text: message.text }) })
    })
    part(this, "announce").append(...lines)
    setTimeout(() => lines.forEach((line) => line.remove()), ANNOUNCED_FOR)
  }

  #noteMidnight() {
    if (this.#today === dayOf(now())) return
    this.#today = dayOf(now())
    if (this.#thread) this.#arrange()
  }
}

customElements.define("message-log", MessageLog)
