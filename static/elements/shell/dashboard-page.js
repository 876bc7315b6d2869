/*
  <dashboard-page>: all conversations of a Professional or companion, by need, and the open one beside them (on a phone, one
  or the other). The address after # says which is open. J and K go to the next and the previous, / filters, ? shows all keys, Escape leaves the text.
  Those who serve without corresponding are told that they can read nothing.
*/

import { build, part, setChildren, setText } from "../../helpers/build.js"
import { sayName, sayRole } from "../../helpers/words/names.js"
import { t } from "../../helpers/words/words.js"
import { preferences } from "../../models/accounts/preferences.js"
import "../conversations/access-list.js"
import "../conversations/conversation-view.js"
import "../staff/private-note.js"
import { CorrespondencePage } from "./correspondence-page.js"
import { makeFace } from "../pieces/face.js"
import { makeWait } from "../conversations/list/thread-item.js"
import "../conversations/list/thread-list.js"

const READS_NOTHING = new Set(["administrator", "client"])

export class DashboardPage extends CorrespondencePage {
  order = "waiting"
  #open = null
  #filter = ""
  #keys = {
    j: () => this.#goTo(1),
    k: () => this.#goTo(-1),
    "/": () => part(this, "filter").focus(),
    s: () => this.search(),
    n: () => this.#open && this.#writeNote(),
    r: () => this.#open && this.#conversation.focus(),
    c: async () =>
      this.#open && (await import("../conversations/sheets/closing-sheet.js")).openClosing(this.#open),
    e: () => this.#open && /** @type {any} */ (this.querySelector("suggestion-card"))?.send(),
    a: async () => (await import("../staff/practice-sheet.js")).openPractice(),
    "?": async () => (await import("./keys-sheet.js")).openKeys(),
  }

  // Lifecycle

  isFor(role) {
    return role !== "member"
  }

  async begin() {
    if (READS_NOTHING.has(this.account.role)) this.#showNoConversation()
    else await super.begin()
  }

  ready() {
    const { connection } = this.correspondence
    this.#conversation.correspondence = this.correspondence
    this.querySelector(".dashboard__foot connection-state").connection = connection
    this.addEventListener("practice", () => this.#keys.a())
    part(this, "close").addEventListener("click", () => this.#keys.c())
    this.#list.addEventListener("more", () => this.correspondence.loadMore())
    part(this, "filter").addEventListener("input", ({ target }) => this.#filterBy(target.value))
    globalThis.addEventListener("hashchange", () => this.#follow())
    part(this, "side").addEventListener(
      "click",
      ({ target }) => target.dataset.deed && this.#openColleagues(target.dataset.deed),
    )
    this.#followWidth(globalThis.matchMedia("(max-width: 76rem)"))
    document.addEventListener("keydown", (event) => this.#noteKey(event))
  }

  update() {
    if (!this.correspondence?.isLoaded) return
    const threads = [...this.correspondence.threads.values()]
    this.#open = this.correspondence.threads.get(location.hash.slice(1)) ?? null
    this.#list.show(threads, { open: this.#open, filter: this.#filter, hasMore: this.correspondence.hasMore })
    this.#showOpen(threads)
    this.sayTitle(t("Conversations"))
  }

  // Actions

  #goTo(step) {
    const thread = this.#list.neighbour(this.#open, step)
    if (thread) location.hash = thread.id
  }

  #follow() {
    const wasOpen = this.#open
    this.update()
    if (this.#open) this.#list.reveal(this.#open)
    else if (wasOpen) this.#list.querySelector(`[data-thread="${CSS.escape(wasOpen.id)}"]`)?.focus()
  }

  #writeNote() {
    const side = part(this, "side")
    if (side.popover) side.showPopover()
    part(this, "note-text").focus()
  }

  async #openColleagues(deed) {
    if (deed === "close") return this.#keys.c()
    const { openColleagues } = await import("../conversations/sheets/colleagues-sheet.js")
    openColleagues(this.#open, deed)
  }

  async #filterBy(text) {
    this.#filter = text
    this.update()
    if (text) await this.correspondence.loadAll()
  }

  // Internal

  get #list() {
    return this.querySelector("thread-list")
  }

  get #conversation() {
    return this.querySelector("conversation-view")
  }

  /** What stands beside the conversation where there is room opens above it where there is none. */
  #followWidth(isNarrow) {
    const follow = () => (part(this, "side").popover = isNarrow.matches ? "auto" : null)
    isNarrow.addEventListener("change", follow)
    follow()
  }

  #noteKey(event) {
    if (event.key === "Escape" && this.contains(event.target)) return this.#leaveField(event.target)
    if (
      isTyping(event.target) ||
      document.querySelector("dialog[open]") ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey
    )
      return
    const action = preferences().singleKeys && this.#keys[event.key.toLowerCase()]
    if (!action) return
    event.preventDefault()
    action()
  }

  #leaveField(field) {
    if (field === part(this, "filter")) {
      field.value = ""
      this.#filterBy("")
    }
    if (isTyping(field)) field.blur()
  }

  #showOpen(threads) {
    const thread = this.#open
    this.dataset.shows = thread ? "conversation" : "list"
    for (const name of ["bar", "side"]) part(this, name).hidden = !thread
    this.#conversation.hidden = !thread
    part(this, "nothing").hidden = Boolean(thread)
    if (thread) this.#show(thread, threads)
    else this.#showNothing(threads)
  }

  #show(thread, threads) {
    const members = threads.map(({ member }) => member).filter(Boolean)
    const name = thread.member ? sayName(thread.member, members) : ""
    this.#showBar(thread, name)
    this.querySelector("access-list").show(thread, this.account)
    this.querySelector("private-note").show(thread)
    for (const name of ["close", "close-here"]) part(this, name).hidden = Boolean(thread.closedAt)
    const placeholder = t("Répondre à {name}…", { name: thread.member?.first_name ?? "" })
    this.#conversation.show(thread, { placeholder, empty: makeEmpty(name) })
  }

  #showBar({ member, waitingSince }, name) {
    setChildren(part(this, "faces"), member ? [makeFace(member)] : [])
    setText(part(this, "name"), name)
    setText(part(this, "presence"), member?.online ? t("en ligne") : sayRole("member"))
    part(this, "wait").hidden = !waitingSince
    if (waitingSince) setChildren(part(this, "wait"), [makeWait(waitingSince)])
  }

  #showNothing(threads) {
    const waiting = threads.filter(({ waitingSince }) => waitingSince).length
    if (!threads.length)
      return this.#say(
        t("Bienvenue"),
        t("Vos conversations apparaîtront ici dès qu’une personne vous sera confiée."),
      )
    if (!waiting)
      return this.#say(
        t("Tout le monde a sa réponse"),
        t("Les nouveaux messages apparaîtront dans la liste, sans recharger la page."),
      )
    this.#say(
      t("Choisissez une conversation"),
      t("Celle qui attend depuis le plus longtemps est en haut de la liste."),
    )
  }

  #say(title, words) {
    setText(part(this, "nothing-title"), title)
    setText(part(this, "nothing-words"), words)
  }

  #showNoConversation() {
    this.dataset.state = "none"
    this.dataset.shows = "conversation"
    this.#conversation.hidden = true
    const name = this.account.first_name
    this.#say(
      t("Bonjour {name}", { name }),
      t(
        "Votre compte ne donne accès à aucune conversation : seules les personnes qui se parlent peuvent les lire.",
      ),
    )
    setText(this.querySelector("#list-title"), t("Ailo"))
    this.sayTitle("")
  }
}

const isTyping = (target) => target.matches?.("input, textarea, select, [contenteditable]")

function makeEmpty(name) {
  const title = build("h2", { text: t("Pas encore de message") })
  const words = t("{name} peut vous écrire quand bon lui semble. Vous pouvez aussi faire le premier pas.", {
    name,
  })
  return build("div", { class: "welcome" }, title, build("p", { class: "quiet", text: words }))
}

customElements.define("dashboard-page", DashboardPage)
