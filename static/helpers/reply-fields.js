/*
  The {fields} of a canned reply. Those that are known are filled in; Tab then goes through the others in the text, until none is
  left or Escape gives the key back.
*/

import { build } from "./build.js"
import { folded } from "./words/text.js"
import { language, t, tn } from "./words/words.js"

const FIELD = /\{([^{}\n]{1,60})\}/g
const NAMES = {
  prenom: "member",
  "first name": "member",
  firstname: "member",
  moi: "me",
  me: "me",
  date: "date",
  today: "date",
}

/** Fill what is known: the member's first name, one's own, today. Gives the text, and the fields that are left in it. */
export function fill(text, { member, me }) {
  const known = {
    member,
    me,
    date: new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { dateStyle: "long" }).format(
      new Date(),
    ),
  }
  const left = new Set()
  const filled = text.replace(FIELD, (whole, name) => {
    const value = known[NAMES[folded(name.trim())]]
    if (!value) left.add(whole)
    return value || whole
  })
  return { text: filled, left: [...left] }
}

/** Put a text at a place of what one writes, without replacing anything; one can undo it as what one typed. */
export function insert(textarea, { text, left }, at) {
  textarea.focus()
  textarea.setSelectionRange(at, at)
  if (!document.execCommand?.("insertText", false, text)) {
    textarea.setRangeText(text, at, at, "end")
    textarea.dispatchEvent(new Event("input", { bubbles: true }))
  }
  if (left.length) new Tour(textarea, left).begin(at)
}

/** The way through the fields of one text. */
class Tour {
  static #present
  #textarea
  #fields
  #words = build("span", { role: "status" })
  #next = build("button", { class: "link", type: "button", text: t("Champ suivant") })
  #hint = build("p", { class: "composer__fields quiet small" }, this.#words, " ", this.#next)
  #leaving = new AbortController()

  constructor(textarea, fields) {
    this.#textarea = textarea
    this.#fields = fields
    Tour.#present?.end()
    Tour.#present = this
    const { signal } = this.#leaving
    textarea.addEventListener("keydown", (event) => this.#noteKey(event), { signal, capture: true })
    textarea.addEventListener("input", () => this.#say(), { signal })
    this.#next.addEventListener("click", () => this.#goOn())
    textarea.form.before(this.#hint)
  }

  begin(at) {
    this.#goTo(this.#left.find(([start]) => start >= at))
    this.#say()
  }

  end() {
    this.#leaving.abort()
    this.#hint.remove()
  }

  // Internal

  /**
   * Where the fields stand that are not filled yet, in their order: [start, end].
   * @returns {[number, number][]}
   */
  get #left() {
    const { value } = this.#textarea
    return [...value.matchAll(FIELD)]
      .filter(([whole]) => this.#fields.includes(whole))
      .map(({ 0: whole, index }) => [index, index + whole.length])
  }

  #noteKey(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === "Escape") {
      event.stopPropagation()
      this.end()
    } else if (event.key === "Tab") this.#noteTab(event)
  }

  /** Tab goes on to the next one, from the last to the first; where none but the selected one is left, it leaves the text. */
  #noteTab(event) {
    if (this.#goOn(event.shiftKey)) event.preventDefault()
    else this.end()
  }

  #goOn(isBack = false) {
    const { selectionStart, selectionEnd } = this.#textarea
    const others = this.#left.filter(([start, end]) => start !== selectionStart || end !== selectionEnd)
    const after = others.find(([start]) => start >= selectionEnd) ?? others[0]
    const before = others.findLast(([, end]) => end <= selectionStart) ?? others.at(-1)
    const found = isBack ? before : after
    this.#textarea.focus()
    if (found) this.#goTo(found)
    return Boolean(found)
  }

  #goTo([start, end]) {
    this.#textarea.setSelectionRange(start, end)
  }

  #say() {
    const count = this.#left.length
    if (!count) return this.end()
    const words = `${tn("{n} champ à remplir.", "{n} champs à remplir.", count)} ${t("Tab : le suivant ; Échap rend la touche Tab.")}`
    if (this.#words.textContent !== words) this.#words.textContent = words
    this.#next.hidden = count < 2
  }
}
