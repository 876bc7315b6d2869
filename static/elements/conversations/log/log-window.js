/*
  The rows of a long conversation that are in the page: a window on what the history has, however much that is. It grows at
  one end and is cut at the other. Messages that wait to be sent stand below it when it reaches the end.
*/

import { MessageRow } from "./message-row.js"

const FIRST = 60
const STEP = 40
const MOST = 200

export class LogWindow {
  #rows
  #thread
  #byId = new Map()
  #from = 0 // The first and the last number that are shown.
  #to = 0
  unreadFrom = null

  constructor(rows) {
    this.#rows = rows
  }

  // What it shows

  get #messages() {
    return this.#thread.history.messages
  }

  get #start() {
    return this.#thread.history.indexOf(this.#from)
  }

  get #end() {
    return this.#thread.history.indexOf(this.#to + 1)
  }

  get hasAbove() {
    return this.#start > 0
  }

  /** Tell whether messages that the page has stand below the window. */
  get hasBelow() {
    return this.#to < this.#thread.history.last
  }

  get reachesEnd() {
    return !this.hasBelow && !this.#thread.history.isDetached
  }

  rowOf(seq) {
    const { messages } = this.#thread.history
    const message = messages[this.#thread.history.indexOf(seq)]
    return message && this.#byId.get(message.id)
  }

  /** Find the topmost row that ends below a height. */
  rowAt(top) {
    const { children } = this.#rows
    let [low, high] = [0, children.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (children[middle].offsetTop + children[middle].offsetHeight <= top) low = middle + 1
      else high = middle
    }
    return children[low]
  }

  // Actions

  /** Show a thread around a number, or its end. */
  show(thread, around = null) {
    this.#thread = thread
    const { length } = this.#messages
    const middle = around === null ? length : thread.history.indexOf(around)
    const start = Math.max(0, Math.min(middle - FIRST / 2, length - FIRST))
    const end = length - start <= MOST ? length : Math.min(length, start + FIRST)
    this.#byId.clear()
    this.#note(start, end)
    this.#rows.replaceChildren(...this.#messages.slice(start, end).map((message) => this.#makeRow(message)))
    this.arrange()
    this.showWaiting()
  }

  /** Show more above; tell whether there was something. */
  growUp() {
    const end = this.#start
    const start = Math.max(0, end - STEP)
    if (start === end) return false
    const oldest = this.#rows.firstElementChild
    this.#rows.prepend(...this.#messages.slice(start, end).map((message) => this.#makeRow(message)))
    this.#from = this.#messages[start].seq
    this.arrange(this.#rows.firstElementChild, oldest)
    return true
  }

  /** Show more below; tell whether there was something. */
  growDown() {
    const start = this.#end
    const end = Math.min(this.#messages.length, start + STEP)
    if (start === end) return false
    const newest = this.#rows.lastElementChild
    this.#rows.append(...this.#messages.slice(start, end).map((message) => this.#makeRow(message)))
    this.#to = this.#messages[end - 1].seq
    this.arrange(newest ?? undefined)
    this.showWaiting()
    return true
  }

  cutAbove() {
    const end = this.#end
    if (end - this.#start <= MOST) return
    this.#cut(this.#start, end - MOST)
    this.#note(end - MOST, end)
    this.arrange(this.#rows.firstElementChild, this.#rows.firstElementChild)
  }

  cutBelow() {
    const start = this.#start
    if (this.#end - start <= MOST) return
    this.#cut(start + MOST, this.#messages.length)
    this.#note(start, start + MOST)
    this.#removeWaiting(() => true)
    this.arrange(this.#rows.lastElementChild, this.#rows.lastElementChild)
  }

  /** Take new messages at the end. An own one that was waiting keeps its row: it settles, it does not come again. */
  append(messages) {
    const rows = messages.map((message) => this.#placeAtEnd(message))
    if (this.#from === 0) this.#from = messages[0].seq
    this.#to = messages.at(-1).seq
    this.arrange(rows[0].previousElementSibling ?? rows[0])
  }

  /** Show what waits to be sent, below the end; tell whether something was added. */
  showWaiting() {
    const waiting = this.reachesEnd ? this.#thread.outbox.waiting : []
    this.#removeWaiting(({ id }) => !waiting.some((message) => message.id === id))
    const added = waiting
      .filter(({ id }) => !this.#byId.has(id))
      .map((message) => this.#makeRow(message, { isArriving: true }))
    this.#rows.append(...added)
    for (const message of waiting) this.#byId.get(message.id).update(message)
    const { children } = this.#rows
    if (children.length) this.arrange(children[Math.max(0, children.length - waiting.length - 2)])
    return added.length > 0
  }

  /** Somebody has read. */
  update() {
    this.#byId.forEach((row) => row.update())
  }

  /** Let rows know their neighbours, from one to another; without bounds, all. */
  arrange(from = this.#rows.firstElementChild, to = null) {
    for (let row = from; row; row = row === to ? null : row.nextElementSibling) {
      const isFirstUnread = row.message.id === this.unreadFrom
      const changes = this.#thread.changes.filter(({ after }) => after === row.message.seq)
      row.arrange(row.previousElementSibling?.message, row.nextElementSibling?.message, {
        isFirstUnread,
        changes,
      })
    }
  }

  // Internal

  #note(start, end) {
    this.#from = this.#messages[start]?.seq ?? 0
    this.#to = this.#messages[end - 1]?.seq ?? 0
  }

  #makeRow(message, options) {
    const row = new MessageRow()
    row.show(message, this.#thread, options)
    this.#byId.set(message.id, row)
    return row
  }

  #placeAtEnd(message) {
    const row = this.#byId.get(message.id) ?? this.#makeRow(message, { isArriving: true })
    const firstWaiting = [...this.#rows.children].find(
      ({ message: other }) => other.state && other.id !== message.id,
    )
    row.update(message)
    if (!row.isConnected || row.nextElementSibling !== (firstWaiting ?? null))
      this.#rows.insertBefore(row, firstWaiting ?? null)
    return row
  }

  #cut(start, end) {
    for (const { id } of this.#messages.slice(start, end)) {
      this.#byId.get(id)?.remove()
      this.#byId.delete(id)
    }
  }

  #removeWaiting(isGone) {
    for (const [id, row] of this.#byId) {
      if (!row.message.state || !isGone(row.message)) continue
      row.remove()
      this.#byId.delete(id)
    }
  }
}
