/* <thread-list>: the conversations of a Professional or companion, by need. Tells `more` when its end comes into view. */

import { part, setText } from "../../../helpers/build.js"
import { namesakes } from "../../../helpers/words/names.js"
import { t } from "../../../helpers/words/words.js"
import { queueOf } from "../../../models/conversations/by-need.js"
import { ListWindow } from "./list-window.js"
import { makeItem } from "./thread-item.js"

const SECTIONS = ["waiting", "answered", "quiet", "silent", "closed"]

export class ThreadList extends HTMLElement {
  #order = []
  #isFiltered = false
  #window

  // Lifecycle

  connectedCallback() {
    this.#window = new ListWindow(this)
    part(this, "more").addEventListener("click", () => this.#tellMore())
    this.#closed.addEventListener("toggle", () => this.dispatchEvent(new Event("scroll"))) // Other rows are in view now.
    new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.#tellMore()).observe(
      part(this, "more"),
    )
  }

  /** Show the threads that fit the filter; the one that is open is marked. */
  show(threads, { open, filter, hasMore }) {
    const queue = queueOf(threads, filter)
    const shared = namesakes(threads.map(({ member }) => member).filter(Boolean))
    if (Boolean(filter) !== this.#isFiltered) this.#closed.open = this.#isFiltered = Boolean(filter) // Who is looked for is found.
    this.#order = SECTIONS.flatMap((name) => queue[name])
    const groups = SECTIONS.map((name) => this.#makeGroup(name, queue[name]))
    this.#keepFocus(() =>
      this.#window.show(groups, (thread) => makeItem(thread, { shared, isOpen: thread === open })),
    )
    part(this, "skeleton").hidden = true
    part(this, "more").hidden = !hasMore || Boolean(filter)
    for (const name of ["answered", "closed"]) setText(part(this, `${name}-note`), String(queue[name].length))
    this.#showNone(filter)
  }

  /** Find the neighbour of a thread in the order shown; of none, the first or the last. */
  neighbour(thread, step) {
    const order = this.#closed.open ? this.#order : this.#order.filter(({ closedAt }) => !closedAt)
    const place = order.indexOf(thread)
    if (place === -1) return order.at(step > 0 ? 0 : -1)
    return order[place + step]
  }

  reveal(thread) {
    this.#window.reveal(thread)
    this.querySelector(`[data-thread="${CSS.escape(thread.id)}"]`)?.scrollIntoView({ block: "nearest" })
  }

  // Internal

  /** The closed ones stay out of the way, and out of J and K, until they are asked for. */
  get #closed() {
    return part(this, "closed").firstElementChild
  }

  #makeGroup(name, threads) {
    const section = part(this, name)
    section.hidden = !threads.length
    return { list: section.querySelector("ul"), items: threads }
  }

  #keepFocus(action) {
    const focused = this.contains(document.activeElement) ? document.activeElement.dataset.thread : null
    const scrollTop = this.#window.isLong ? null : this.scrollTop // A long list keeps its height by itself.
    action()
    if (scrollTop !== null) this.scrollTop = scrollTop
    if (focused) this.querySelector(`[data-thread="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }

  #showNone(filter) {
    const isEmpty = !this.#order.length
    part(this, "none").hidden = !isEmpty
    setText(
      part(this, "none"),
      filter ? t("Personne de ce prénom parmi vos conversations.") : t("Aucune conversation pour l’instant."),
    )
  }

  #tellMore() {
    this.dispatchEvent(new CustomEvent("more"))
  }
}

customElements.define("thread-list", ThreadList)
