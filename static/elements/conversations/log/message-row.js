/*
  <message-row>: one message as it stands in the log: the day above it where it begins one, who wrote it, the text (always
  as text), and below the last of a run the hour and what became of it. Tells `retry` {id}, `take-back` {id} and, of an
  e-mail, `whole-mail` {message}.
*/

import { build, setText } from "../../../helpers/build.js"
import { dayOf, isoDay, sayDay, sayExactly, sayHour } from "../../../helpers/time.js"
import { sayNames } from "../../../helpers/words/names.js"
import { t } from "../../../helpers/words/words.js"
import { isMail, makeMailLink, saySent } from "../../inbound/mail-state.js"
import { sayChange } from "../change-words.js"

const RUN = 5 * 60_000

export class MessageRow extends HTMLElement {
  #thread
  #day
  #fresh
  #author
  #bubble
  #state
  #said
  #isBuilt = false

  /** Show a message of a thread; `isArriving` lets it slide in. */
  show(message, thread, { isArriving = false } = {}) {
    this.message = message
    this.#thread = thread
    if (!this.#isBuilt) this.#build(isArriving)
    this.#updateState()
  }

  /** Take the neighbours into account: days, runs of one author, where the unread begin. */
  arrange(previous, next, { isFirstUnread = false, changes = [] } = {}) {
    const beginsDay = !previous || dayOf(previous.at) !== dayOf(this.message.at)
    const follows = !beginsDay && !isFirstUnread && belongTogether(previous, this.message)
    this.#showDay(beginsDay)
    this.#showFresh(isFirstUnread)
    this.#showChanges(changes)
    this.classList.toggle("row--follows", follows)
    this.classList.toggle("row--continues", Boolean(next) && belongTogether(this.message, next))
  }

  /** Something about the message has changed: sent, failed, seen. */
  update(message = this.message) {
    this.message = message
    this.#updateState()
  }

  /** Show that this is the one that was looked for. */
  point() {
    this.classList.remove("row--found")
    requestAnimationFrame(() => this.classList.add("row--found"))
  }

  // Internal

  #build(isArriving) {
    const isMine = this.#thread.isMine(this.message)
    this.#isBuilt = true
    this.classList.add("row", ...(isMine ? ["row--mine"] : []), ...(isArriving ? ["row--arriving"] : []))
    this.classList.toggle("row--letter", isLetter(this.message))
    this.#author = this.#makeAuthor(isMine)
    this.#bubble = makeBubble(this.message, isMine)
    this.#state = build("p", { class: "state" })
    this.append(this.#author, this.#bubble, this.#state)
  }

  /** The name is seen where several people answer, and always heard. */
  #makeAuthor(isMine) {
    const name = isMine ? t("Vous") : sayAuthor(this.message, this.#thread)
    const isOnlyOther = this.#thread.others.length === 1 && this.#thread.others[0].id === this.message.author
    const isShown = !isMine && !isLetter(this.message) && !isOnlyOther
    return build("p", {
      class: isShown ? "row__author quiet small" : "visually-hidden",
      dir: "auto",
      text: name,
    })
  }

  #showDay(isShown) {
    this.#day?.remove()
    this.#day = null
    if (!isShown) return
    const { at } = this.message
    this.#day = build("p", { class: "day" }, build("time", { datetime: isoDay(at), text: sayDay(at) }))
    this.prepend(this.#day)
  }

  #showFresh(isShown) {
    this.#fresh?.remove()
    this.#fresh = isShown
      ? build("p", { class: "fresh" }, build("span", { text: t("Nouveaux messages") }))
      : null
    if (isShown) this.#author.before(this.#fresh)
  }

  /** Who came and who left, after this message. */
  #showChanges(changes) {
    this.querySelectorAll(".change").forEach((line) => line.remove())
    this.append(
      ...changes.map((change) => build("p", { class: "change quiet small", text: sayChange(change) })),
    )
  }

  #updateState() {
    const { state } = this.message
    if (!this.#thread.isMine(this.message)) setText(this.#author, sayAuthor(this.message, this.#thread))
    this.classList.toggle("row--pending", state === "pending")
    this.classList.toggle("row--failed", state === "failed" || state === "refused")
    this.#state.classList.toggle("state--failed", state === "failed" || state === "refused")
    if (state === "failed" || state === "refused") this.#showFailure()
    else this.#showProgress()
  }

  #showProgress() {
    const words = this.#sayProgress()
    const key = `${this.message.at} ${words}`
    if (this.#state.dataset.shown === key) return
    const { at } = this.message
    const time = build("time", { datetime: at, title: sayExactly(at), text: sayHour(at) })
    this.#placeOfProgress.replaceChildren(time, ...(words ? [` · ${words}`] : []))
    this.#state.dataset.shown = key
  }

  /** Beside the link to all of an e-mail, which stays itself. */
  get #placeOfProgress() {
    if (!isMail(this.message)) return this.#state
    if (!this.#said) {
      this.#said = build("span")
      this.#state.replaceChildren(this.#said, " · ", makeMailLink(this.message))
    }
    return this.#said
  }

  #sayProgress() {
    if (isLetter(this.message) || this.message.kind === "broken") return ""
    if (!this.#thread.isMine(this.message)) return isMail(this.message) ? t("reçu par e-mail") : ""
    if (this.message.state) return this.message.hasLeft ? t("envoi…") : t("en attente d’envoi")
    const seen = this.#saySeen()
    return isMail(this.message) ? saySent(seen) : seen || t("envoyé")
  }

  #saySeen() {
    const readers = this.#thread.seenBy(this.message)
    if (!readers.length) return ""
    return this.#thread.others.length > 1 ? t("vu par {names}", { names: sayNames(readers) }) : t("vu")
  }

  #showFailure() {
    const { said, state } = this.message
    const reason = state === "refused" && said ? said : t("Non envoyé, votre texte est gardé")
    const actions = [makeLink(t("Réessayer"), () => this.#tell("retry"))]
    if (state === "refused")
      actions.push(
        " · ",
        makeLink(t("Modifier"), () => this.#tell("take-back")),
      )
    this.#state.replaceChildren(build("span", { text: reason }), " · ", ...actions)
    delete this.#state.dataset.shown
  }

  #tell(type) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail: { id: this.message.id } }))
  }
}

/** What the service wrote by itself is shown as that, never as somebody's words. */
const isLetter = ({ kind }) => kind === "lesson" || kind === "welcome"

function makeBubble(message, isMine) {
  if (isLetter(message)) return makeLetter(message)
  if (message.kind === "broken")
    return build("p", {
      class: "message message--broken",
      text: t("Ce message a été altéré : il n’est pas affiché."),
    })
  return build("div", {
    class: isMine ? "message message--mine" : "message",
    dir: "auto",
    text: message.text,
  })
}

export function sayAuthor(message, thread) {
  if (isLetter(message) || message.kind === "broken") return t("Ailo")
  return thread.nameOf(message.author) ?? t("Une personne qui a quitté la conversation")
}

/** A letter begins with its title where its first line stands alone. */
function makeLetter({ kind, text }) {
  const origin =
    kind === "lesson" ? t("Une étape de parcours, envoyée par Ailo") : t("Un mot d’accueil, envoyé par Ailo")
  const [, title, body] = text.match(/^([^\n]{1,80})\n\s*\n([\s\S]+)$/) ?? [null, null, text]
  return build(
    "div",
    { class: "letter" },
    build("p", { class: "quiet small", text: origin }),
    title && build("p", { class: "letter__title voice", dir: "auto", text: title }),
    build("div", { class: "letter__text", dir: "auto", text: body }),
  )
}

function makeLink(text, action) {
  const link = build("button", { class: "link", type: "button", text })
  link.addEventListener("click", action)
  return link
}

/** An e-mail ends its run: below it is the link to all of it. */
function belongTogether(one, other) {
  const isSameHand = one.author === other.author && !isLetter(one) && !isLetter(other) && !isMail(one)
  const isWell = isSettled(one) && isSettled(other)
  return (
    isSameHand &&
    isWell &&
    dayOf(one.at) === dayOf(other.at) &&
    Date.parse(other.at) - Date.parse(one.at) < RUN
  )
}

const isSettled = ({ state }) => !state || state === "pending"

customElements.define("message-row", MessageRow)
