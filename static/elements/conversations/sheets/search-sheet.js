/*
  <search-sheet>: looks for words in one's conversations, accents ignored; each find leads to its place. Loaded when it is
  opened. A long history is looked through bit by bit: what is found shows at once, and it says how far it is.
*/

import "../../../helpers/words/more-words.js"
import { build } from "../../../helpers/build.js"
import { excerpt } from "../../../helpers/words/excerpt.js"
import { sayNames } from "../../../helpers/words/names.js"
import { sayExactly, sayMoment } from "../../../helpers/time.js"
import { t, tn } from "../../../helpers/words/words.js"
import { search } from "../../../models/conversations/search.js"
import { sayAuthor } from "../log/message-row.js"
import { sayRefusal } from "../../pieces/refusal.js"

const SHORTEST = 2
const REST = 300
const ENOUGH = 20

export class SearchSheet extends HTMLElement {
  #dialog = build("dialog", { class: "sheet search", "aria-labelledby": "search-title" })
  #input = build("input", {
    type: "search",
    maxlength: 100,
    autocomplete: "off",
    spellcheck: "false",
    "aria-labelledby": "search-title",
  })
  #state = build("p", { class: "quiet small", role: "status" })
  #list = build("ol", { class: "search__found" })
  #more = build("button", {
    class: "button button--quiet",
    type: "button",
    hidden: true,
    text: t("Chercher plus loin"),
  })
  #correspondence
  #go
  #asked = 0
  #from = null
  #resting

  // Lifecycle

  connectedCallback() {
    const close = build("button", { class: "round round--close", type: "button", "aria-label": t("Fermer") })
    close.addEventListener("click", () => this.#dialog.close())
    const head = build(
      "div",
      { class: "sheet__head" },
      build("h2", { id: "search-title", text: t("Rechercher") }),
      close,
    )
    this.#dialog.append(
      head,
      build("label", { class: "field" }, this.#input),
      this.#state,
      this.#list,
      this.#more,
    )
    this.append(this.#dialog)
    this.#dialog.addEventListener("close", () => this.remove())
    this.#input.addEventListener("input", () => this.#noteInput())
    this.#more.addEventListener("click", () => this.#goOn(this.#asked))
  }

  /** `go` gets the message that somebody wants to see in its place. */
  open(correspondence, go) {
    this.#correspondence = correspondence
    this.#go = go
    this.#state.textContent = t("Dans toutes vos conversations ; les accents ne comptent pas.")
    this.#dialog.showModal()
    this.#input.focus()
  }

  // Internal

  #noteInput() {
    clearTimeout(this.#resting)
    this.#resting = setTimeout(() => this.#begin(), REST)
  }

  #begin() {
    this.#asked += 1
    this.#from = null
    this.#list.replaceChildren()
    this.#more.hidden = true
    this.#state.textContent = ""
    if (this.#words.length >= SHORTEST) this.#goOn(this.#asked)
  }

  get #words() {
    return this.#input.value.trim()
  }

  /** Ask until there is enough to look at, or somebody asks for something else. */
  async #goOn(asked) {
    const wanted = this.#list.childElementCount + ENOUGH
    this.#more.hidden = true
    this.#state.textContent = t("Recherche…")
    try {
      do await this.#askOnce(asked)
      while (asked === this.#asked && this.#from && this.#list.childElementCount < wanted)
      if (asked === this.#asked) this.#sayEnd()
    } catch (refusal) {
      if (asked === this.#asked) this.#state.textContent = sayRefusal(refusal, "")
    }
  }

  async #askOnce(asked) {
    const { found, next } = await search(this.#words, {
      from: this.#from,
      isWanted: () => asked === this.#asked && this.isConnected,
    })
    if (asked !== this.#asked) return
    this.#from = next
    this.#list.append(...found.map((message) => this.#makeFind(message)))
  }

  #sayEnd() {
    const count = this.#list.childElementCount
    this.#more.hidden = !this.#from
    this.#state.textContent = count
      ? tn("{n} message trouvé", "{n} messages trouvés", count)
      : t("Rien de tel dans vos conversations.")
  }

  #makeFind(message) {
    const thread = this.#correspondence.threads.get(message.thread)
    const author =
      message.author === this.#correspondence.account.id
        ? t("Vous")
        : thread
          ? sayAuthor(message, thread)
          : ""
    const where = thread?.others.length ? t("avec {names}", { names: sayNames(thread.others) }) : ""
    const head = build(
      "span",
      { class: "small quiet" },
      build("b", { dir: "auto", text: author }),
      ` ${where} · `,
      build("time", { datetime: message.at, title: sayExactly(message.at), text: sayMoment(message.at) }),
    )
    const text = build(
      "span",
      { class: "search__text", dir: "auto" },
      ...mark(excerpt(message.text, this.#words.split(/\s+/))),
    )
    const button = build("button", { class: "search__find", type: "button" }, head, text)
    button.addEventListener("click", () => {
      this.#dialog.close()
      this.#go(message)
    })
    return build("li", {}, button)
  }
}

const mark = (parts) => parts.map(({ text, isFound }) => (isFound ? build("mark", { text }) : text))

customElements.define("search-sheet", SearchSheet)

export function openSearch(correspondence, go) {
  const sheet = new SearchSheet()
  document.body.append(sheet)
  sheet.open(correspondence, go)
}
