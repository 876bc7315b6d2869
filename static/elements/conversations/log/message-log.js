/*
  <message-log>: the messages of one thread, oldest above. However long the thread, only a window on it is in the page.

  Nothing jumps: what loads above leaves the text where it is; what comes below scrolls only if one was at the end, else a
  button counts it. The place is kept over a reload and a change of size. Only what others write while one watches is announced
  to screen readers. Tells `at-end`, `retry`, `take-back`.
*/

import { build, part, setText } from "../../../helpers/build.js"
import { sayNames } from "../../../helpers/words/names.js"
import { dayOf } from "../../../helpers/time.js"
import { now } from "../../../helpers/server-clock.js"
import { t, tn } from "../../../helpers/words/words.js"
import { keepPlace, placeOf } from "../../../models/conversations/reading-places.js"
import { LogWindow } from "./log-window.js"
import { sayAuthor } from "./message-row.js"

const NEAR_END = 64
const NEAR_EDGE = 900
const MANY_UNREAD = 40
const ANNOUNCED_FOR = 10_000
const RESTED = 120

export class MessageLog extends HTMLElement {
  #thread
  #scroll
  #window
  #isAtEnd = true
  #place = null
  #resting
  #news = 0
  #aim = null
  #leaving = new AbortController()
  #today = dayOf(now())

  // Lifecycle

  connectedCallback() {
    this.#scroll = part(this, "scroll")
    this.#window = new LogWindow(part(this, "rows"))
    this.#scroll.addEventListener("scroll", () => this.#noteScroll(), { passive: true })
    part(this, "news").addEventListener("click", () => this.goToEnd())
    part(this, "reload").addEventListener("click", () => this.load())
    globalThis.addEventListener("pagehide", () => this.#keepPlace())
    const resizing = new ResizeObserver(() => this.#stay())
    resizing.observe(this.#scroll)
    resizing.observe(part(this, "rows"))
    setInterval(() => this.#noteMidnight(), 30_000)
  }

  /** Show another thread; `empty` is what stands there before its first message. */
  show(thread, empty) {
    this.#keepPlace()
    this.#leaving.abort()
    this.#leaving = new AbortController()
    this.#thread = thread
    this.#aim = null
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
    await history.load(this.#beginning)
    if (history !== this.#thread.history) return
    if (this.#aim === "end" && history.isLoaded) await this.goToEnd()
    this.#showEdges()
    this.#fill()
  }

  get isAtEnd() {
    return this.#isAtEnd && Boolean(this.#thread?.history.isLoaded)
  }

  // Actions

  /** Be at the end; while the history is not there, once it is. */
  async goToEnd() {
    const { history } = this.#thread
    keepPlace(this.#thread, null)
    this.#aim = "end"
    await history.goToEnd()
    if (history !== this.#thread.history) return
    if (history.isLoaded) this.#aim = null
    if (!this.#window.reachesEnd) this.#window.show(this.#thread)
    this.#showEdges()
    this.#scrollToEnd()
    this.#isAtEnd = true
    this.#noteEnd()
  }

  /** Show a message in its context, wherever it is. */
  async goTo(seq) {
    keepPlace(this.#thread, { seq, offset: this.#scroll.clientHeight / 3 })
    const { history } = this.#thread
    await history.goTo(seq)
    if (history !== this.#thread.history) return
    if (!this.#window.rowOf(seq)) this.#window.show(this.#thread, seq)
    this.#showEdges()
    const row = this.#window.rowOf(seq)
    if (!row) return
    this.#scroll.scrollTop = row.offsetTop - this.#scroll.clientHeight / 3
    row.point()
    this.#noteScroll()
  }

  // Internal: listening

  #listen(signal) {
    const { history, outbox } = this.#thread
    history.addEventListener("reset", () => this.#reset(), { signal })
    history.addEventListener("earlier", () => this.#growUp(), { signal })
    history.addEventListener("later", () => this.#growDown(), { signal })
    history.addEventListener("added", ({ detail }) => this.#append(detail.messages), { signal })
    history.addEventListener("failed", () => this.#noteFailure(), { signal })
    outbox.addEventListener("change", () => this.#showOutbox(), { signal })
    this.#thread.addEventListener("typing", () => this.#showTyping(), { signal })
    this.#thread.addEventListener("participants", () => this.#showChanges(), { signal })
    this.#thread.addEventListener("marks", () => this.#window.update(), { signal })
  }

  #noteFailure() {
    part(this, "trouble").hidden = this.#thread.history.isLoaded
    this.#showEdges()
  }

  // Internal: what is in the page

  /** Where to begin: where one goes already, else at the place that was left, else at a first unread far away, else at the end. */
  get #beginning() {
    if (this.#aim === "end") return null
    const { lastSeq, readSeq, unread } = this.#thread
    const place = placeOf(this.#thread)
    if (place) return place.seq
    return unread > 0 && lastSeq - readSeq > MANY_UNREAD ? readSeq + 1 : null
  }

  #reset() {
    const { isLoaded } = this.#thread.history
    this.#window.unreadFrom = this.#firstUnread()?.id ?? null
    this.#setNews(0)
    this.#window.show(this.#thread, this.#beginning)
    part(this, "announce").replaceChildren()
    this.#showEdges()
    this.#showTyping()
    if (isLoaded && !this.#aim) this.#goToBeginning()
    else this.#scrollToEnd()
  }

  #firstUnread() {
    const { history, readSeq, unread } = this.#thread
    if (unread === 0 || history.first > readSeq + 1) return null
    return history.messages
      .slice(history.indexOf(readSeq + 1))
      .find((message) => !this.#thread.isMine(message))
  }

  #goToBeginning() {
    const place = placeOf(this.#thread)
    this.#scrollToEnd()
    if (place) this.#goToPlace(place)
    else this.#goToFirstUnread()
    this.#noteScroll()
  }

  #goToPlace({ seq, offset }) {
    const row = this.#window.rowOf(seq)
    if (row) this.#scroll.scrollTop = row.offsetTop - offset
  }

  #goToFirstUnread() {
    const first = this.#firstUnread()
    const row = first && this.#window.rowOf(first.seq)
    if (!row || row.offsetTop >= this.#scroll.scrollTop) return
    this.#scroll.scrollTop = row.offsetTop - NEAR_END
    this.#setNews(this.#thread.unread)
  }

  #growUp() {
    const before = this.#scroll.scrollHeight - this.#scroll.scrollTop
    const hasGrown = this.#window.growUp()
    this.#showEdges()
    this.#scroll.scrollTop = this.#scroll.scrollHeight - before
    if (!hasGrown) return
    this.#window.cutBelow()
    this.#fill()
  }

  #growDown() {
    if (!this.#window.growDown()) return
    const before = this.#scroll.scrollHeight - this.#scroll.scrollTop
    this.#window.cutAbove()
    this.#showEdges()
    this.#scroll.scrollTop = this.#scroll.scrollHeight - before
    this.#fill()
  }

  /** Have enough above and below what is seen. */
  #fill() {
    if (!this.#thread?.history.isLoaded) return
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll
    if (scrollTop < NEAR_EDGE) this.#fetchAbove()
    if (scrollHeight - scrollTop - clientHeight < NEAR_EDGE) this.#fetchBelow()
  }

  #fetchAbove() {
    if (this.#window.hasAbove) this.#growUp()
    else this.#thread.history.loadEarlier()
  }

  #fetchBelow() {
    if (this.#window.hasBelow) this.#growDown()
    else this.#thread.history.loadLater()
  }

  #append(messages) {
    const wasAtEnd = this.#isAtEnd
    const foreign = messages.filter((message) => !this.#thread.isMine(message))
    if (this.#followed(messages)) this.#window.append(messages)
    this.#showEdges()
    this.#announce(foreign)
    if (wasAtEnd) this.#stayAtEnd()
    else this.#setNews(this.#news + foreign.length)
    this.#noteEnd()
  }

  /** Tell whether the window reached to what these messages follow. */
  #followed([{ seq }]) {
    const { history } = this.#thread
    const before = history.messages[history.indexOf(seq) - 1]
    return !before || Boolean(this.#window.rowOf(before.seq))
  }

  #stayAtEnd() {
    this.#window.cutAbove()
    this.#scrollToEnd()
  }

  #showOutbox() {
    const wasAtEnd = this.#isAtEnd
    const isNew = this.#thread.outbox.waiting.length > 0 && !this.#window.reachesEnd
    const isAdded = this.#window.showWaiting()
    this.#showEdges()
    if (isAdded || wasAtEnd || isNew) this.goToEnd()
  }

  #showChanges() {
    this.#window.arrange()
    this.#showEdges()
    this.#stay()
  }

  // Internal: scrolling

  #noteScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll
    this.#isAtEnd =
      scrollHeight - scrollTop - clientHeight < NEAR_END && (!this.#thread || this.#window.reachesEnd)
    if (this.#isAtEnd) this.#noteEnd()
    this.#fill()
    clearTimeout(this.#resting)
    this.#resting = setTimeout(() => this.#notePlace(), RESTED)
  }

  #noteEnd() {
    if (!this.#isAtEnd) return
    this.#setNews(0)
    this.dispatchEvent(new CustomEvent("at-end", { bubbles: true }))
  }

  #notePlace() {
    const { scrollTop, clientWidth } = this.#scroll
    // While the width has changed and `#stay` has not gone to the place yet, another row is there: the place is as it was.
    if (this.#width && this.#width !== clientWidth) return
    const row = this.#isAtEnd ? null : this.#window.rowAt(scrollTop)
    this.#place = row?.message.seq ? { seq: row.message.seq, offset: row.offsetTop - scrollTop } : null
  }

  #keepPlace() {
    if (!this.#thread?.history.isLoaded) return
    this.#notePlace()
    keepPlace(this.#thread, this.#place)
  }

  /** The size of something has changed: be where one was. */
  #stay() {
    if (this.#isAtEnd) this.#scrollToEnd()
    else if (this.#place && this.#width !== this.#scroll.clientWidth) this.#goToPlace(this.#place)
    this.#width = this.#scroll.clientWidth
  }

  #width = 0

  #scrollToEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight
  }

  // Internal: around the rows

  #showEdges() {
    const { history, outbox } = this.#thread
    const isEmpty = history.isLoaded && !history.messages.length && !outbox.waiting.length
    const isStart = history.isLoaded && !history.hasEarlier && !this.#window.hasAbove
    part(this, "empty").hidden = !isEmpty
    part(this, "loading").hidden = history.isLoaded ? isStart : !part(this, "trouble").hidden
    part(this, "start").hidden = !isStart || isEmpty
    setText(
      part(this, "start"),
      t("Le début de votre conversation avec {names}", { names: sayNames(this.#thread.others) }),
    )
  }

  #showTyping() {
    const { typing } = this.#thread
    const names = sayNames(typing)
    part(this, "typing").hidden = !typing.length
    if (typing.length)
      setText(
        part(this, "typing-names"),
        typing.length > 1 ? t("{names} écrivent", { names }) : t("{names} écrit", { names }),
      )
    if (typing.length && this.#isAtEnd) this.#scrollToEnd()
  }

  #setNews(count) {
    this.#news = count
    part(this, "news").hidden = count === 0
    if (count) setText(part(this, "news"), tn("{n} nouveau message", "{n} nouveaux messages", count))
  }

  #announce(messages) {
    const lines = messages.map((message) =>
      build("p", {
        text: t("{name} : {text}", { name: sayAuthor(message, this.#thread), text: message.text }),
      }),
    )
    part(this, "announce").append(...lines)
    setTimeout(() => lines.forEach((line) => line.remove()), ANNOUNCED_FOR)
  }

  #noteMidnight() {
    if (this.#today === dayOf(now())) return
    this.#today = dayOf(now())
    if (this.#thread) this.#window.arrange()
  }
}

customElements.define("message-log", MessageLog)
