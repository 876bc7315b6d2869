/* <member-page>: the conversations of a member, one at a time; the address after # says which. */

import { build, part, setChildren, setText } from "../../helpers/build.js"
import { sayNames, sayRole } from "../../helpers/words/names.js"
import { t, tlist } from "../../helpers/words/words.js"
import "../conversations/access-list.js"
import "../conversations/conversation-view.js"
import { CorrespondencePage } from "./correspondence-page.js"
import { makeFace } from "../pieces/face.js"
import "../conversations/list/thread-switcher.js"

export class MemberPage extends CorrespondencePage {
  #open = null

  // Lifecycle

  isFor(role) {
    return role === "member"
  }

  ready() {
    this.#conversation.correspondence = this.correspondence
    globalThis.addEventListener("hashchange", () => this.update())
    part(this, "open-expect").addEventListener("click", async () =>
      (await import("../conversations/sheets/expect-sheet.js")).openExpect(this.#open),
    )
  }

  update() {
    if (!this.correspondence.isLoaded) return
    const threads = [...this.correspondence.threads.values()].sort(byName)
    const open = this.#choose(threads)
    this.querySelector("thread-switcher").show(threads, open)
    part(this, "nothing").hidden = Boolean(open)
    this.#conversation.hidden = !open
    if (open) this.#show(open)
    this.sayTitle(open ? sayNames(open.others) : "")
  }

  // Internal

  get #conversation() {
    return this.querySelector("conversation-view")
  }

  /** The one that the address names, else the one that was open, else the one last written in. */
  #choose(threads) {
    const { threads: all } = this.correspondence
    return (
      all.get(location.hash.slice(1)) ??
      (threads.includes(this.#open) ? this.#open : [...threads].sort(byLast)[0])
    )
  }

  #show(thread) {
    this.#open = thread
    this.#showHeader(thread)
    this.querySelector("access-list").show(thread, this.account)
    this.#conversation.show(thread, {
      placeholder: t("Écrire à {names}…", { names: sayNames(thread.others) }),
      empty: makeEmpty(thread),
    })
  }

  #showHeader(thread) {
    const { others } = thread
    setChildren(
      part(this, "faces"),
      others.slice(0, 3).map((person) => makeFace(person)),
    )
    setText(part(this, "name"), sayNames(others))
    setText(part(this, "role"), sayPresence(others))
    part(this, "promise").hidden = false
    setText(
      part(this, "promise-words"),
      t("Chiffré pour {names}.", {
        names: tlist([...others.map(({ first_name: name }) => name), t("vous")]),
      }),
    )
  }
}

function sayPresence(others) {
  const here = others.filter(({ online }) => online)
  const roles = tlist([...new Set(others.map(({ role }) => sayRole(role)))])
  if (!here.length) return roles
  return `${roles} · ${others.length > 1 && here.length < others.length ? t("{names} en ligne", { names: sayNames(here) }) : t("en ligne")}`
}

function makeEmpty(thread) {
  const names = sayNames(thread.others)
  const words = [
    t(
      "Écrivez ce qui vous amène, avec vos mots : quelques lignes suffisent. Il n’y a pas de mauvaise façon de commencer.",
    ),
    t(
      "{names} vous répondra ici. Si vous n’êtes plus sur cette page, un e-mail vous préviendra, sans rien dire du contenu.",
      { names },
    ),
  ]
  const title = build("h2", { text: t("Votre conversation avec {names}", { names }) })
  const faces = build(
    "div",
    { class: "faces faces--large" },
    ...thread.others.slice(0, 3).map((person) => makeFace(person, { showsPresence: false })),
  )
  return build(
    "div",
    { class: "welcome" },
    faces,
    title,
    ...words.map((text) => build("p", { class: "quiet", text })),
  )
}

const byName = (one, other) =>
  sayNames(one.others).localeCompare(sayNames(other.others)) || (one.id < other.id ? -1 : 1)
const lastAt = ({ last }) => (last ? Date.parse(last.at) : 0)
const byLast = (one, other) => lastAt(other) - lastAt(one)

customElements.define("member-page", MemberPage)
