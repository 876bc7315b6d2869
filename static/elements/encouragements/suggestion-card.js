/*
  <suggestion-card>: what is suggested in the open conversation, above the composer: why, a text to change, and two buttons. What
  is changed waits in the safe. E sends it from anywhere on the page but a text, Ctrl or ⌘ + Enter from its own text.
  Begun after the first view, for companions.
*/

import "../../helpers/words/more-words.js"
import { build, part, setText } from "../../helpers/build.js"
import { wear } from "../../helpers/late-styles.js"
import { sayDate } from "../../helpers/time.js"
import { wellFormed } from "../../helpers/words/text.js"
import { t } from "../../helpers/words/words.js"
import { Suggestions } from "../../models/encouragements/suggestions.js"
import { sayRefusal } from "../pieces/refusal.js"

const LONGEST = 8_000
const EVERY = 600_000

class SuggestionCard extends HTMLElement {
  #page
  #suggestions = new Suggestions()
  #shown = null
  #text
  #isSending = false
  #seen = new Map()

  // Lifecycle

  begin(page) {
    this.#page = page
    const { correspondence } = page
    this.#suggestions.addEventListener("change", () => {
      this.#mark()
      page.update()
      this.#show()
    })
    correspondence.addEventListener("change", () => this.#noteWords())
    correspondence.connection.addEventListener("state", ({ detail }) => detail === "live" && this.#load())
    page.querySelector("conversation-view").addEventListener("shown", () => this.#show())
    setInterval(() => this.#load(), EVERY)
    return this.#load()
  }

  // Actions

  /** Send the text as it stands, unless a change of who takes part is to be read first. */
  async send() {
    const text = this.#text?.value.trim()
    if (!this.#shown || !text || this.#isSending) return
    const composer = this.closest("message-composer")
    if (this.#thread.pendingChange) return part(composer, "acknowledge").focus()
    if (await this.#do((suggestion) => this.#suggestions.send(suggestion, text), t("Envoyé")))
      composer.focus()
  }

  async dismiss() {
    if (await this.#do((suggestion) => this.#suggestions.dismiss(suggestion), t("Suggestion écartée")))
      this.closest("message-composer").focus()
  }

  // Internal

  get #thread() {
    return this.#page.querySelector("conversation-view").thread
  }

  async #load() {
    await this.#suggestions.load()
    this.#noteWords()
  }

  /** The list says where a word is suggested. */
  #mark() {
    for (const thread of this.#page.correspondence.threads.values())
      thread.isSuggested = this.#suggestions.of(thread) !== undefined
  }

  /** A new message in a thread with a suggestion may have ended it. */
  #noteWords() {
    this.#mark()
    let isNews = false
    for (const id of this.#suggestions.threads) {
      const lastSeq = this.#page.correspondence.threads.get(id)?.lastSeq
      isNews ||= this.#seen.has(id) && this.#seen.get(id) !== lastSeq
      this.#seen.set(id, lastSeq)
    }
    if (isNews) this.#load()
  }

  async #do(action, done) {
    const suggestion = this.#shown
    this.#isSending = true
    setText(part(this, "suggestion-trouble"), "")
    try {
      await action(suggestion)
      this.#safe.forget(nameOf(suggestion))
      this.#say(done)
      return true
    } catch (refusal) {
      const isOver = refusal.status === 409 || refusal.status === 404
      if (isOver) this.#say(t("Cette suggestion n’est plus d’actualité."))
      else setText(part(this, "suggestion-trouble"), sayRefusal(refusal, ""))
      return isOver
    } finally {
      this.#isSending = false
    }
  }

  get #safe() {
    return this.#page.correspondence.safe
  }

  #show() {
    const thread = this.#thread
    if (!thread) return
    showReminder(this.#page, this.#suggestions.reminderOf(thread))
    const suggestion = this.#suggestions.of(thread) ?? null
    if (suggestion?.id === this.#shown?.id) return
    const hadFocus = this.contains(document.activeElement)
    this.#shown = suggestion
    this.#text = suggestion && makeText(suggestion)
    this.replaceChildren(...(suggestion ? [this.#makeCard(suggestion)] : []), makeStatus())
    if (suggestion) this.#recall(suggestion)
    else if (hadFocus) this.closest("message-composer").focus()
  }

  /** What was changed before the page was loaded anew. */
  async #recall(suggestion) {
    const text = this.#text
    const kept = await this.#safe.find(nameOf(suggestion))
    if (kept !== undefined && text.value === suggestion.text) text.value = kept
    text.addEventListener("input", () => this.#safe.keep(nameOf(suggestion), wellFormed(text.value)))
  }

  #makeCard({ why }) {
    const properties = { class: "button button--quiet", type: "button", "aria-keyshortcuts": "e" }
    const send = build("button", properties, t("Envoyer ce mot"), " ")
    send.append(build("kbd", { "aria-hidden": "true", text: "E" }))
    const dismiss = build("button", { class: "button button--plain", type: "button", text: t("Écarter") })
    send.addEventListener("click", () => this.send())
    dismiss.addEventListener("click", () => this.dismiss())
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return
      event.preventDefault()
      this.send()
    })
    return build(
      "section",
      { class: "suggestion", "aria-labelledby": "suggestion-title" },
      build("h2", {
        class: "suggestion__title small",
        id: "suggestion-title",
        text: t("Un mot à envoyer, si vous voulez"),
      }),
      build("p", { class: "quiet small", id: "suggestion-why", text: why }),
      this.#text,
      build("div", { class: "suggestion__actions" }, send, dismiss, makeTrouble()),
    )
  }

  #say(words) {
    setText(part(this, "suggestion-state"), words)
  }
}

const nameOf = ({ id }) => `suggestion:${id}`

function makeText({ text }) {
  const field = build("textarea", {
    class: "suggestion__text",
    rows: "3",
    dir: "auto",
    maxlength: LONGEST,
    autocomplete: "off",
    "aria-label": t("Le texte, à changer comme vous voulez"),
    "aria-describedby": "suggestion-why",
  })
  field.value = text
  return field
}

const makeTrouble = () =>
  build("p", { class: "trouble", role: "alert", data: { part: "suggestion-trouble" } })

const makeStatus = () =>
  build("p", { class: "suggestion__state quiet small", role: "status", data: { part: "suggestion-state" } })

/** In the side panel: that a reminder went by itself, when, and why. */
function showReminder(page, reminder) {
  const side = part(page, "side")
  const line = part(side, "reminder") ?? build("p", { class: "quiet small", data: { part: "reminder" } })
  if (!line.isConnected) side.querySelector("private-note").after(line)
  line.hidden = !reminder
  if (!reminder) return
  setText(
    line,
    t("Le {date}, un rappel automatique est parti par e-mail. {why}", {
      date: sayDate(reminder.at),
      why: reminder.why,
    }),
  )
}

customElements.define("suggestion-card", SuggestionCard)

/** Have a companion's page show what is suggested. */
export async function begin(page) {
  await wear("encouragements")
  const card = /** @type {any} */ (document.createElement("suggestion-card"))
  page.querySelector("message-composer").prepend(card)
  await card.begin(page)
}
