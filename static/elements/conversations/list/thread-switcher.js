/* <thread-switcher>: a member's conversations side by side, when there are several. Each is a link to its own address. */

import { build, part, setChildren } from "../../../helpers/build.js"
import { sayNames } from "../../../helpers/words/names.js"
import { makeCount } from "./unread-count.js"
import { makeFace } from "../../pieces/face.js"

export class ThreadSwitcher extends HTMLElement {
  show(threads, open) {
    this.hidden = threads.length < 2
    setChildren(
      part(this, "list"),
      this.hidden ? [] : threads.map((thread) => this.#makeItem(thread, thread === open)),
    )
  }

  // Internal

  #makeItem(thread, isOpen) {
    const name = build("span", { class: "switcher__name", dir: "auto", text: sayNames(thread.others) })
    const attributes = {
      class: "switcher__link",
      href: `#${thread.id}`,
      "aria-current": isOpen ? "page" : null,
    }
    const link = build(
      "a",
      attributes,
      makeFace(thread.others[0] ?? thread.participants[0], { small: true }),
      name,
      makeCount(thread),
    )
    return build("li", { data: { key: thread.id } }, link)
  }
}

customElements.define("thread-switcher", ThreadSwitcher)
