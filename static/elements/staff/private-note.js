/* <private-note>: what staff keep for themselves about a thread; saves itself, and says whether it has. */

import { part, setText } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"

export class PrivateNote extends HTMLElement {
  #note
  #text
  #leaving = new AbortController()

  // Lifecycle

  connectedCallback() {
    this.#text = part(this, "note-text")
    this.#text.addEventListener("input", () => this.#note?.write(this.#text.value))
    this.#text.addEventListener("blur", () => this.#note?.save())
    globalThis.addEventListener("pagehide", () => this.#note?.save())
  }

  /** Show the note of another thread; the one before is saved first. */
  show({ note }) {
    if (note === this.#note) return
    this.#note?.save()
    this.#leaving.abort()
    this.#leaving = new AbortController()
    this.#note = note
    const { signal } = this.#leaving
    note.addEventListener("state", () => this.#showState(), { signal })
    note.addEventListener("text", () => this.#showText(), { signal })
    this.#showText()
    note.load()
  }

  // Internal

  #showText() {
    this.#text.value = this.#note.text
    this.#showState()
  }

  #showState() {
    const { state, text } = this.#note
    this.#text.readOnly = state === "loading"
    const words = {
      loading: "…",
      saved: text ? t("Enregistré") : "",
      waiting: "…",
      saving: t("Enregistrement…"),
      failed: t("Pas encore enregistré : nouvel essai dans un instant"),
    }
    setText(part(this, "note-state"), words[state])
    part(this, "note-state").classList.toggle("trouble", state === "failed")
  }
}

customElements.define("private-note", PrivateNote)
