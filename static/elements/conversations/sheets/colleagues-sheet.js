/* <colleagues-sheet>: brings a colleague into a conversation, hands it over, or leaves it. Loaded when it is opened. */

import "../../../helpers/words/more-words.js"
import { build, setChildren } from "../../../helpers/build.js"
import { sayName, sayRole } from "../../../helpers/words/names.js"
import { folded } from "../../../helpers/words/text.js"
import { t } from "../../../helpers/words/words.js"
import { bringIn, colleagues, handOver, leave } from "../../../models/conversations/participants.js"
import { makeFace } from "../../pieces/face.js"
import { sayRefusal } from "../../pieces/refusal.js"

const MANY = 8

export class ColleaguesSheet extends HTMLElement {
  #dialog = build("dialog", { class: "sheet", "aria-labelledby": "colleagues-title" })
  #trouble = build("p", { class: "trouble", role: "alert" })
  #thread

  // Lifecycle

  connectedCallback() {
    this.append(this.#dialog)
    this.#dialog.addEventListener("close", () => this.remove())
  }

  // Actions

  async open(thread, deed) {
    this.#thread = thread
    const deeds = {
      "bring-in": () => this.#askWhom(t("Faire entrer un·e collègue"), bringIn, t("Faire entrer")),
      "hand-over": () =>
        this.#askWhom(t("Transmettre la conversation"), handOver, t("Transmettre et quitter")),
      leave: () => this.#askToLeave(),
    }
    await deeds[deed]()
  }

  // Internal

  async #askWhom(title, deed, label) {
    const found = await colleagues().catch(() => [])
    const free = found.filter(
      ({ id }) => !this.#thread.participants.some((participant) => participant.id === id),
    )
    if (!free.length)
      return this.#put(
        title,
        build("p", { text: t("Il n’y a personne d’autre à qui confier cette conversation.") }),
        this.#makeActions(),
      )
    const list = build("ul", { class: "access__people colleagues" })
    setChildren(
      list,
      free.map((person) => makeColleague(person, free)),
    )
    const form = build(
      "form",
      { class: "secret" },
      free.length > MANY && makeFilter(list),
      list,
      makeHistory(),
      this.#trouble,
      this.#makeActions(build("button", { class: "button", text: label })),
    )
    form.addEventListener("submit", (event) => {
      event.preventDefault()
      const { account, history } = Object.fromEntries(new FormData(form))
      if (!account) return (this.#trouble.textContent = t("Choisissez d’abord une personne."))
      this.#do(() => deed(this.#thread, account, history))
    })
    this.#put(title, form)
  }

  #askToLeave() {
    const name = this.#thread.member?.first_name ?? ""
    const button = build("button", {
      class: "button button--alarm",
      type: "button",
      text: t("Quitter la conversation"),
    })
    button.addEventListener("click", () => this.#do(() => leave(this.#thread)))
    const last =
      this.#thread.staff.length < 2 &&
      build("p", {
        text: t("Vous êtes la seule personne à répondre à {name} : transmettez plutôt la conversation.", {
          name,
        }),
      })
    this.#put(
      t("Quitter cette conversation ?"),
      build("p", {
        text: t("Vous ne la lirez plus, et n’en recevrez plus rien. {name} verra que vous êtes parti·e.", {
          name,
        }),
      }),
      last,
      this.#trouble,
      this.#makeActions(button),
    )
  }

  async #do(deed) {
    try {
      await deed()
      this.#thread.acknowledgeNext()
      this.#dialog.close()
    } catch (refusal) {
      this.#trouble.textContent = sayRefusal(refusal, "")
    }
  }

  #put(title, ...content) {
    const heading = build("h2", { id: "colleagues-title", tabindex: "-1", text: title })
    this.#dialog.replaceChildren(heading, ...content.filter(Boolean))
    this.#dialog.showModal()
    heading.focus()
  }

  #makeActions(action) {
    const stay = build("button", { class: "button button--quiet", type: "button", text: t("Annuler") })
    stay.addEventListener("click", () => this.#dialog.close())
    return build("div", { class: "sheet__actions" }, action, stay)
  }
}

function makeColleague(person, people) {
  const name = build("b", { dir: "auto", text: sayName(person, people) })
  const input = build("input", { type: "radio", name: "account", value: person.id })
  const words = build(
    "span",
    { class: "access__name" },
    name,
    build("span", { class: "quiet small", text: sayRole(person.role) }),
  )
  return build(
    "li",
    { data: { name: folded(person.first_name) } },
    build("label", { class: "choice" }, input, makeFace(person, { small: true }), words),
  )
}

function makeFilter(list) {
  const input = build("input", { type: "search", autocomplete: "off", spellcheck: "false" })
  input.addEventListener("input", () => {
    for (const line of list.children) line.hidden = !line.dataset.name.includes(folded(input.value.trim()))
  })
  return build("label", { class: "field" }, build("span", { text: t("Filtrer par prénom") }), input)
}

function makeHistory() {
  const choice = (value, text, checked) =>
    build(
      "label",
      { class: "choice" },
      build("input", { type: "radio", name: "history", value, checked }),
      build("span", { text }),
    )
  return build(
    "fieldset",
    { class: "choices" },
    build("legend", { text: t("Que pourra lire cette personne ?") }),
    choice("from_now", t("Seulement ce qui s’écrira à partir de maintenant"), true),
    choice("whole", t("Toute la conversation, depuis le début")),
  )
}

customElements.define("colleagues-sheet", ColleaguesSheet)

/** Open the sheet for a deed: bring-in, hand-over, leave. */
export function openColleagues(thread, deed) {
  const sheet = new ColleaguesSheet()
  document.body.append(sheet)
  return sheet.open(thread, deed)
}
