/* <thread-switcher>: a member's conversations side by side, when there are several. Each is a link to its own address. */

import { build, part } from "../helpers/build.js"
import { sayNames } from "../helpers/people.js"
import { makeCount } from "./count.js"
import { makeFace } from "./face.js"

class ThreadSwitcher extends HTMLElement {
  #shown = ""

  show(threads, open) {
    this.hidden = threads.length < 2
    if (this.hidden) return
    const state = JSON.stringify(threads.map((thread) => [thread.id, thread.unread, thread === open, thread.others.map(({ online }) => online)]))
    if (state === this.#shown) return
    this.#shown = state
    const hadFocus = document.activeElement?.closest("thread-switcher") === this && document.activeElement.getAttribute("href")
    part(this, "list").replaceChildren(...threads.map((thread) => this.#makeItem(thread, thread === open)))
    if (hadFocus) this.querySelector(`[href="${CSS.escape(hadFocus)}"]`)?.focus()
  }

  // Internal

  #makeItem(thread, isOpen) {
    const name = build("span", { class: "switcher__name", dir: "auto", text: sayNames(thread.others) })
    const attributes = { class: "switcher__link", href: `#${thread.id}`, "aria-current": isOpen ? "page" : null }
    const link = build("a", attributes, makeFace(thread.others[0] ?? thread.participants[0], { small: true }), name, makeCount(thread))
    return build("li", {}, link)
  }
}

customElements.define("thread-switcher", ThreadSwitcher)
