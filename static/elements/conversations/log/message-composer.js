/*
  <message-composer>: where one writes. Enter makes a line, Ctrl or ⌘ + Enter sends; whoever likes it better has Enter send. Whatever is typed is a draft at once;
  the count appears near the limit only. A change of who takes part is acknowledged before the next message. Tells `write` {text} and `typing`.
*/

import { part, setText } from "../../../helpers/build.js"
import { lengthOf } from "../../../helpers/words/text.js"
import { language, tn } from "../../../helpers/words/words.js"
import { preferences } from "../../../models/accounts/preferences.js"
import { sayChange, sayConsequence } from "../change-words.js"

const LIMIT = 8_000
const NEAR = 7_500

export class MessageComposer extends HTMLElement {
  #thread
  #drafts
  #text
  #leaving = new AbortController()

  // Lifecycle

  connectedCallback() {
    this.#text = part(this, "text")
    this.#text.addEventListener("input", () => this.#noteInput())
    this.#text.addEventListener("keydown", (event) => this.#noteKey(event))
    this.#offerReplies(part(this, "replies"))
    part(this, "acknowledge").addEventListener("click", () => this.#acknowledge())
    part(this, "form").addEventListener("submit", (event) => this.#submit(event))
    document.addEventListener("preferences-changed", () => this.#showHint())
    globalThis.addEventListener("storage", ({ key }) => this.#takeFromOtherTab(key))
  }

  set placeholder(words) {
    if (this.#text.placeholder !== words) this.#text.placeholder = words
  }

  /** Write in another thread: its own draft appears. */
  async show(thread, drafts) {
    this.#text.value = ""
    this.#showHint()
    this.#leaving.abort()
    this.#leaving = new AbortController()
    this.#thread = thread
    thread.addEventListener("participants", () => this.#showChange(), { signal: this.#leaving.signal })
    this.#showChange()
    this.#drafts = drafts
    const draft = await drafts.of(thread)
    if (thread === this.#thread && !this.#text.value) this.#fill(draft)
    this.#count()
  }

  // Actions

  /** Put a text back that was not sent, before what is being written. */
  takeBack(text) {
    this.#fill([text, this.#text.value].filter(Boolean).join("\n"))
    this.#drafts.keep(this.#thread, this.#text.value)
    this.#text.focus()
  }

  focus() {
    this.#text.focus()
  }

  // Internal

  #submit(event) {
    event.preventDefault()
    const text = this.#text.value
    this.#text.focus()
    if (this.#thread?.pendingChange) return part(this, "acknowledge").focus()
    if (!this.#thread || !text.trim() || lengthOf(text) > LIMIT) return
    this.dispatchEvent(new CustomEvent("write", { bubbles: true, detail: { text } }))
    this.#fill("")
    this.#drafts.keep(this.#thread, "")
  }

  /** Who takes part has changed: that is read before anything more is sent. */
  #showChange() {
    const change = this.#thread.pendingChange
    part(this, "change").hidden = !change
    if (change) setText(part(this, "change-words"), `${sayChange(change)} ${sayConsequence(change)}`)
  }

  #showHint() {
    part(this, "control").hidden = preferences().enterSends
  }

  #acknowledge() {
    this.#thread.acknowledge()
    this.#text.focus()
  }

  #noteInput() {
    this.#drafts?.keep(this.#thread, this.#text.value)
    this.#count()
    if (this.#text.value) this.dispatchEvent(new CustomEvent("typing", { bubbles: true }))
  }

  /** Staff have replies at hand: by the button, by Alt + R, and by ; where nothing is written yet. */
  #offerReplies(button) {
    const page = this.closest("dashboard-page")
    if (!page) return
    button.hidden = false
    const open = async () => {
      const { openReplies } = await import("../../staff/replies-sheet.js")
      openReplies(this.#text, { member: this.#thread.member?.first_name, me: page.account.first_name })
    }
    button.addEventListener("click", open)
    document.addEventListener("keydown", (event) => {
      if (
        !this.#thread ||
        event.ctrlKey ||
        event.metaKey ||
        event.isComposing ||
        document.querySelector("dialog[open]")
      )
        return
      const isFirst =
        event.key === ";" && event.target === this.#text && !this.#text.value && preferences().singleKeys
      if (event.altKey ? event.code !== "KeyR" : !isFirst) return
      event.preventDefault()
      open()
    })
  }

  #noteKey(event) {
    if (event.key !== "Enter" || event.isComposing || !isSending(event)) return
    event.preventDefault()
    part(this, "form").requestSubmit()
  }

  async #takeFromOtherTab(key) {
    if (!this.#thread || document.hasFocus()) return
    const text = await this.#drafts.heard(this.#thread, key)
    if (text !== undefined) this.#fill(text)
  }

  #fill(text) {
    this.#text.value = text
    this.#count()
  }

  #count() {
    const length = this.#text.value.length < NEAR ? 0 : lengthOf(this.#text.value)
    const over = length - LIMIT
    part(this, "count").classList.toggle("composer__count--over", over > 0)
    setText(part(this, "count"), length < NEAR ? "" : over > 0 ? sayOver(over) : sayLength(length))
  }
}

const isSending = ({ ctrlKey, metaKey, shiftKey }) =>
  ctrlKey || metaKey || (preferences().enterSends && !shiftKey)

const sayLength = (length) => `${length.toLocaleString(language)} / ${LIMIT.toLocaleString(language)}`

const sayOver = (over) =>
  tn(
    "{n} caractère de trop : envoyez-le en deux fois",
    "{n} caractères de trop : envoyez-le en deux fois",
    over,
  )

customElements.define("message-composer", MessageComposer)
