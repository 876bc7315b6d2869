/*
  The rows of a long list that are in the page: those in view and some around it, however long the list. All rows are of one
  height; what is not in the page is space above and below. A short list is in the page whole.
*/

import { setChildren } from "../../../helpers/build.js"

const SHORT = 100
const AROUND = 600
const USUAL_HEIGHT = 72

export class ListWindow {
  #scroller
  #groups = []
  #make
  #height = 0

  constructor(scroller) {
    this.#scroller = scroller
    scroller.addEventListener("scroll", () => this.isLong && this.#render(), { passive: true })
    new ResizeObserver(() => this.isLong && this.#renew()).observe(scroller)
  }

  // Actions

  /** Show groups of items, each {list, items}, in this order; `make` makes the row of an item. */
  show(groups, make) {
    this.#groups = groups
    this.#make = make
    this.#render()
  }

  /** Bring an item into view. */
  reveal(item) {
    const group = this.#groups.find(({ items }) => items.includes(item))
    if (!group) return
    const { scrollTop, clientHeight } = this.#scroller
    const top = this.#topOf(group.list) + group.items.indexOf(item) * this.#rowHeight
    if (top < scrollTop) this.#scroller.scrollTop = top
    else if (top + this.#rowHeight > scrollTop + clientHeight)
      this.#scroller.scrollTop = top + this.#rowHeight - clientHeight
    this.#render()
  }

  // Internal

  get isLong() {
    return this.#groups.reduce((sum, { items }) => sum + items.length, 0) > SHORT
  }

  get #rowHeight() {
    this.#height ||= this.#scroller.querySelector("li")?.getBoundingClientRect().height ?? 0
    return this.#height || USUAL_HEIGHT
  }

  /** The height of a row may have changed with the width or the size of letters. */
  #renew() {
    this.#height = 0
    this.#render()
  }

  /** All heights are set first, then all places read, then the rows put in: the browser lays the page out once. */
  #render() {
    const { isLong } = this
    for (const { list, items } of this.#groups)
      list.style.blockSize = isLong ? `${items.length * this.#rowHeight}px` : ""
    const ranges = this.#groups.map((group) => (isLong ? this.#rangeOf(group) : [0, group.items.length]))
    this.#groups.forEach((group, place) =>
      this.#put(group, ...ranges[place], isLong ? group.items.length : null),
    )
  }

  #rangeOf({ list, items }) {
    const { scrollTop, clientHeight } = this.#scroller
    const top = this.#topOf(list)
    const within = (place) => Math.max(0, Math.min(items.length, place))
    const from = within(Math.floor((scrollTop - AROUND - top) / this.#rowHeight))
    return [from, within(Math.ceil((scrollTop + clientHeight + AROUND - top) / this.#rowHeight))]
  }

  #put({ list, items }, from, to, size) {
    list.style.paddingBlockStart = from ? `${from * this.#rowHeight}px` : ""
    setChildren(
      list,
      items.slice(from, to).map((item, place) => this.#number(this.#make(item), from + place, size)),
    )
  }

  #topOf(list) {
    return (
      list.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top + this.#scroller.scrollTop
    )
  }

  /** Who does not see the list hears how long it is, though most of it is not there. */
  #number(row, place, size) {
    if (size === null) return row
    row.setAttribute("aria-setsize", size)
    row.setAttribute("aria-posinset", place + 1)
    return row
  }
}
