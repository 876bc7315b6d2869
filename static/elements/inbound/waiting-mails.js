/*
  <waiting-mails>: the e-mails that wait in the open conversation for their owner to say whether they are theirs, above the composer.
  Asked for when a conversation is opened, when the page is seen again and when the line is back. Whoever wants to read first folds
  them; what comes then opens them again. Begun after the first view.
*/

import "../../helpers/words/more-words.js"
import { build, part, setText } from "../../helpers/build.js"
import { wear } from "../../helpers/late-styles.js"
import { t, tn } from "../../helpers/words/words.js"
import { Mails } from "../../models/inbound/mails.js"
import "./waiting-mail.js"

const SAID_FOR = 10_000
const GONE = 404

class WaitingMails extends HTMLElement {
  #view
  #mails = new Mails()
  #shown = null // The thread whose e-mails stand here.
  #cards = new Map()
  #title = build("h2", { class: "waiting__title", id: "waiting-title" })
  #words = build("p", { class: "quiet small" })
  #list = build("ul", { class: "waiting__list" })
  #fold = build("button", { class: "button button--plain waiting__fold", type: "button" })
  #section = build(
    "section",
    { class: "waiting", "aria-labelledby": "waiting-title", hidden: true },
    build("div", { class: "waiting__head" }, this.#title, this.#fold),
    this.#words,
    this.#list,
  )
  #status = build("p", { class: "waiting__state quiet small", role: "status" })
  #saidUntil

  // Lifecycle

  begin({ correspondence }, view) {
    this.#view = view
    this.append(this.#section, this.#status)
    this.#fold.addEventListener("click", () => this.#open(this.#list.hidden))
    this.#mails.addEventListener("change", () => this.#show())
    view.addEventListener("shown", () => {
      this.#show()
      this.#load()
    })
    correspondence.addEventListener("mails", ({ detail }) => detail === view.thread?.id && this.#load())
    correspondence.connection.addEventListener("state", ({ detail }) => detail === "live" && this.#load())
    document.addEventListener(
      "visibilitychange",
      () => document.visibilityState === "visible" && this.#load(),
    )
    return this.#load()
  }

  // Actions

  /** Post one as one's own message, unless a change of who takes part is to be read first. */
  async #take(mail) {
    const thread = this.#shown
    if (thread.pendingChange) return part(this.#view, "acknowledge").focus()
    await this.#settle(this.#mails.take(thread, mail), t("Votre e-mail est dans la conversation."))
    if (thread === this.#view.thread) this.#view.querySelector("message-log").goToEnd()
  }

  #discard(mail) {
    return this.#settle(this.#mails.discard(this.#shown, mail), t("L’e-mail est écarté."))
  }

  async #settle(asked, done) {
    try {
      await asked
      this.#say(done)
    } catch (refusal) {
      if (refusal.status === GONE) this.#say(t("Cet e-mail n’attend plus."))
      throw refusal
    }
  }

  // Internal

  #load() {
    return this.#view.thread && this.#mails.load(this.#view.thread)
  }

  #show() {
    const { thread } = this.#view
    if (!thread) return
    const mails = this.#mails.of(thread)
    if (thread !== this.#shown) this.#clear(thread)
    const next = this.#placeAfter(mails)
    const isNews = mails.some(({ id }) => !this.#cards.has(id))
    for (const [id, card] of this.#cards) if (!mails.some((mail) => mail.id === id)) this.#remove(id, card)
    for (const mail of mails) if (!this.#cards.has(mail.id)) this.#add(mail)
    this.#section.hidden = !mails.length
    if (mails.length) this.#sayWhy(mails.length, isNews)
    next?.focus()
  }

  /** Another conversation is shown, with e-mails of its own. */
  #clear(thread) {
    this.#shown = thread
    this.#cards.clear()
    this.#list.replaceChildren()
    this.#say("")
  }

  #add(mail) {
    const card = /** @type {any} */ (document.createElement("waiting-mail"))
    card.show(mail, { take: (one) => this.#take(one), discard: (one) => this.#discard(one) })
    this.#cards.set(mail.id, card)
    this.#list.append(build("li", {}, card))
  }

  #remove(id, card) {
    this.#cards.delete(id)
    card.parentElement.remove()
  }

  /** What gets the focus of one that goes: the next one, else the one before it, else the messages. */
  #placeAfter(mails) {
    const ids = [...this.#cards.keys()]
    const at = ids.findIndex((id) => this.#cards.get(id).contains(document.activeElement))
    const stays = (id) => mails.some((mail) => mail.id === id)
    if (at === -1 || stays(ids[at])) return null
    const place = ids.slice(at).find(stays) ?? ids.slice(0, at).findLast(stays)
    return this.#cards.get(place) ?? part(this.#view, "scroll")
  }

  #sayWhy(count, isNews) {
    setText(this.#title, tn("Un e-mail de vous ?", "{n} e-mails de vous ?", count))
    setText(
      this.#words,
      tn(
        "Il est arrivé pour cette conversation. Nous n’avons pas pu vérifier qu’il vient bien de vous. Vous seul·e le voyez.",
        "Ils sont arrivés pour cette conversation. Nous n’avons pas pu vérifier qu’ils viennent bien de vous. Vous seul·e les voyez.",
        count,
      ),
    )
    if (!isNews) return
    this.#open(true)
    const news = tn(
      "Un e-mail attend que vous disiez s’il vient de vous.",
      "{n} e-mails attendent que vous disiez s’ils viennent de vous.",
      count,
    )
    this.#say(news, true)
  }

  #open(isOpen) {
    this.#words.hidden = !isOpen
    this.#list.hidden = !isOpen
    setText(this.#fold, isOpen ? t("Plus tard") : t("Regarder"))
  }

  /** Say what has become of one; what is seen anyway is only heard. */
  #say(words, isHeardOnly = false) {
    clearTimeout(this.#saidUntil)
    this.#status.classList.toggle("visually-hidden", isHeardOnly)
    setText(this.#status, words)
    if (words) this.#saidUntil = setTimeout(() => setText(this.#status, ""), SAID_FOR)
  }
}

customElements.define("waiting-mails", WaitingMails)

/** Have a page show what waits, from now on. */
export async function begin(page) {
  await wear("inbound")
  const view = page.querySelector("conversation-view")
  const waiting = /** @type {any} */ (document.createElement("waiting-mails"))
  view.querySelector("message-composer").prepend(waiting)
  await waiting.begin(page, view)
}
