/*
  <waiting-mail>: one e-mail that waits: its subject, its text (long ones are cut), what was attached, and whether it is one's own. It is
  discarded after a question, here in its place. What did not succeed is said and can be tried again.
*/

import { build } from "../../helpers/build.js"
import { sayExactly, sayMoment } from "../../helpers/time.js"
import { t } from "../../helpers/words/words.js"
import { sayRefusal } from "../pieces/refusal.js"
import { makeAttachments } from "./attachments.js"

const GONE = 404

export class WaitingMail extends HTMLElement {
  #mail
  #deeds
  #heading
  #isBusy = false
  #choice = build("div", { class: "waiting__choice" })

  // Lifecycle

  /** `deeds` are `take` and `discard`; both get the e-mail, and raise Refusal. */
  show(mail, deeds) {
    this.#mail = mail
    this.#deeds = deeds
    this.#heading = makeHeading(mail)
    const text = mail.text
      ? makeText(mail.text)
      : [build("p", { text: t("Il n’y a pas de texte à envoyer : il peut seulement être écarté.") })]
    const content = [this.#heading, ...text, makeAttachments(mail.attachments), this.#choice]
    this.append(...content.filter(Boolean))
    this.#choice.addEventListener("keydown", (event) => event.key === "Escape" && this.#withdraw())
    this.#offer()
  }

  focus() {
    this.#heading.focus()
  }

  // Internal

  /** Whose is it? */
  #offer() {
    const { text } = this.#mail
    const take = text && makeButton(t("C’est de moi : l’envoyer"), () => this.#take())
    const discard = makeButton(text ? t("Ce n’est pas de moi : l’écarter") : t("L’écarter"), () =>
      this.#ask(),
    )
    this.#put("offer", "", take, discard)
  }

  /** It cannot be undone. Whoever presses twice by mistake meets the answer that changes nothing. */
  #ask() {
    const no = makeButton(t("Annuler"), () => this.#withdraw())
    this.#put(
      "question",
      build("p", { text: t("L’écarter pour de bon ? Il sera effacé.") }),
      makeButton(t("Oui, l’écarter"), () => this.#discard(), "button--alarm"),
      no,
    )
    no.focus()
  }

  #withdraw() {
    if (this.#isBusy || this.#choice.dataset.shows === "offer") return
    this.#offer()
    this.#choice.querySelector("button:last-of-type").focus()
  }

  #take() {
    const sayFailed = (reason) => t("Il n’est pas encore envoyé. {reason}", { reason })
    return this.#do(() => this.#deeds.take(this.#mail), sayFailed)
  }

  #discard() {
    const sayFailed = (reason) => t("Il n’est pas encore écarté. {reason}", { reason })
    return this.#do(() => this.#deeds.discard(this.#mail), sayFailed)
  }

  async #do(deed, sayFailed) {
    if (this.#isBusy) return
    this.#setBusy(true)
    const refusal = await deed().then(
      () => null,
      (found) => found,
    )
    this.#setBusy(false)
    if (refusal && refusal.status !== GONE) this.#fail(sayFailed(sayRefusal(refusal, "")), deed, sayFailed)
  }

  #fail(words, deed, sayFailed) {
    const hadFocus = this.#choice.contains(document.activeElement)
    const again = makeButton(t("Réessayer"), () => this.#do(deed, sayFailed))
    const trouble = build("p", { class: "trouble", role: "alert", text: words })
    this.#put(
      "trouble",
      trouble,
      again,
      makeButton(t("Annuler"), () => this.#withdraw(), "button--plain"),
    )
    if (hadFocus) again.focus()
  }

  #setBusy(isBusy) {
    this.#isBusy = isBusy
    for (const button of this.#choice.querySelectorAll("button"))
      button.setAttribute("aria-disabled", String(isBusy))
  }

  /** A question and its answers are a group that is named by the question. */
  #put(shows, words, ...buttons) {
    const group = words ? { role: "group", "aria-label": words.textContent } : {}
    const actions = build("div", { class: "waiting__actions", ...group }, ...buttons)
    this.#choice.dataset.shows = shows
    this.#choice.replaceChildren(...[words, actions].filter(Boolean))
  }
}

const makeHeading = ({ subject, at }) =>
  build(
    "h3",
    { class: "waiting__subject", tabindex: "-1" },
    build("span", { dir: "auto", text: subject || t("Sans objet") }),
    " ",
    build("time", { class: "quiet small", datetime: at, title: sayExactly(at), text: sayMoment(at) }),
  )

/** The text, cut where it is long, and what shows the rest of it. */
function makeText(words) {
  const text = build("div", { class: "waiting__words", dir: "auto", text: words })
  const more = build("button", { class: "link waiting__more", type: "button", hidden: true })
  const open = (isOpen) => {
    text.classList.toggle("waiting__words--whole", isOpen)
    more.setAttribute("aria-expanded", String(isOpen))
    more.textContent = isOpen ? t("Réduire") : t("Lire la suite")
  }
  const measure = () => {
    const isOpen = text.classList.contains("waiting__words--whole")
    more.hidden = !isOpen && text.scrollHeight <= text.clientHeight + 1
  }
  more.addEventListener("click", () => open(more.getAttribute("aria-expanded") === "false"))
  new ResizeObserver(() => requestAnimationFrame(measure)).observe(text)
  open(false)
  return [build("div", { class: "waiting__text" }, text), more]
}

function makeButton(text, action, kind = "button--quiet") {
  const button = build("button", { class: `button ${kind}`, type: "button", text })
  button.addEventListener("click", action)
  return button
}

customElements.define("waiting-mail", WaitingMail)
