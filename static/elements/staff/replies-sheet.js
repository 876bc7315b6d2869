/*
  <replies-sheet>: the replies that one keeps at hand: found by a word (accents ignored), put into the text where the caret is,
  made, changed and deleted. All by keyboard. Loaded when it is opened. What is typed here and not saved waits for the next opening.
*/

import "../../helpers/words/more-words.js"
import { build } from "../../helpers/build.js"
import { fill, insert } from "../../helpers/reply-fields.js"
import { wear } from "../../helpers/late-styles.js"
import { folded, lengthOf } from "../../helpers/words/text.js"
import { uuid7 } from "../../helpers/uuid.js"
import { language, t, tn } from "../../helpers/words/words.js"
import { Clash, Replies, TooMuch } from "../../models/staff/replies.js"
import { sayRefusal } from "../pieces/refusal.js"

const LONGEST = { title: 100, text: 8_000 }
const EXCERPT = 160

/** What was typed and not saved: {base, title, text}. */
let unsaved = null

export class RepliesSheet extends HTMLElement {
  #dialog = build("dialog", { class: "sheet replies", "aria-labelledby": "replies-title" })
  #heading = build("h2", { id: "replies-title", tabindex: "-1" })
  #body = build("div", { class: "replies__body" })
  #state = build("p", { class: "quiet small", role: "status" })
  #replies = new Replies()
  #composer
  /** What was selected in the text, until something is put there: the browser forgets it while a dialog is open. */
  #range
  #names
  #query = ""
  #leave = () => false

  // Lifecycle

  connectedCallback() {
    const close = build("button", { class: "round round--close", type: "button", "aria-label": t("Fermer") })
    close.addEventListener("click", () => this.#dialog.close())
    this.#dialog.append(build("div", { class: "sheet__head" }, this.#heading, close), this.#body, this.#state)
    this.#dialog.addEventListener("close", () => {
      if (this.#range) this.#composer.setSelectionRange(...this.#range)
      this.remove()
    })
    this.#dialog.addEventListener("cancel", (event) => this.#leave() && event.preventDefault())
    this.append(this.#dialog)
  }

  /** `composer` is the text area that a reply goes to; `names` fills its fields: member, me. */
  async open(composer, names) {
    this.#composer = composer
    this.#range = [composer.selectionStart, composer.selectionEnd]
    this.#names = names
    this.#dialog.showModal()
    await this.#load()
  }

  // Internal: the list

  async #load() {
    const fillIn = this.#showList(t("Un instant…"))
    try {
      await this.#replies.load()
      if (unsaved) this.#showForm(unsaved, t("Voici ce que vous n’aviez pas enregistré."))
      else fillIn()
    } catch (refusal) {
      this.#put(
        t("Réponses types"),
        this.#makeButton(t("Réessayer"), () => this.#load()),
      )
      this.#say(sayRefusal(refusal, ""))
    }
  }

  /** Show the list, its filter ready at once; gives what fills it in when there is more to show. */
  #showList(words, focused = null) {
    this.#leave = () => false
    const filter = build("input", {
      type: "search",
      autocomplete: "off",
      spellcheck: "false",
      maxlength: 100,
      value: this.#query,
    })
    const label = build("label", { class: "field" }, build("span", { text: t("Filtrer") }), filter)
    const list = build("ul", { class: "replies__list" })
    const add = this.#makeButton(t("Nouvelle réponse"), () =>
      this.#showForm({ base: null, title: "", text: this.#composer.value }),
    )
    const fillIn = () => {
      const isEmpty = !this.#replies.all.length
      label.hidden = isEmpty
      this.#filterBy(filter.value, list)
      if (isEmpty)
        this.#say(
          t(
            "Gardez ici les phrases que vous écrivez souvent. Elles sont scellées : vous seul·e pouvez les lire.",
          ),
        )
      if (isEmpty) add.focus()
    }
    filter.addEventListener("input", () => this.#filterBy(filter.value, list))
    this.#put(t("Réponses types"), label, list, build("div", { class: "sheet__actions" }, add))
    this.#body.onkeydown = (event) => this.#noteKey(event, filter)
    filter.focus()
    if (this.#replies.all.length || focused) fillIn()
    if (words) this.#say(words)
    this.#focusOn(focused)
    return fillIn
  }

  #filterBy(query, list) {
    this.#query = query
    this.#fillList(list)
    this.#say(query ? tn("{n} réponse", "{n} réponses", list.childElementCount) : "")
  }

  #fillList(list) {
    const words = folded(this.#query).split(/\s+/).filter(Boolean)
    const found = this.#replies.all.filter(({ title, text }) =>
      words.every((word) => folded(`${title}\n${text}`).includes(word)),
    )
    list.replaceChildren(...found.map((reply) => this.#makeItem(reply)))
  }

  #makeItem(reply) {
    const excerpt = reply.text.replace(/\s+/g, " ")
    const text = excerpt.length > EXCERPT ? `${excerpt.slice(0, EXCERPT)}…` : excerpt
    const use = build(
      "button",
      { class: "replies__use", type: "button", data: { reply: reply.id } },
      build("b", { dir: "auto", text: reply.title }),
      build("span", { class: "small quiet", dir: "auto", text }),
    )
    use.addEventListener("click", () => this.#use(reply))
    const change = build("button", {
      class: "button button--plain",
      type: "button",
      text: t("Modifier"),
      "aria-label": t("Modifier « {title} »", { title: reply.title }),
    })
    change.addEventListener("click", () => this.#showForm({ base: reply, ...reply }))
    return build("li", { class: "replies__item" }, use, change)
  }

  /** Arrows go through the list, Enter in the filter takes the first, Delete deletes, a second ; is a ; after all. */
  #noteKey(event, filter) {
    const items = [...this.#body.querySelectorAll(".replies__use")]
    const at = items.indexOf(document.activeElement)
    if (event.isComposing) return
    if (event.target === filter && event.key === "Enter") items[0]?.click()
    else if (event.target === filter && event.key === ";" && !filter.value)
      this.#insert({ text: ";", left: [] })
    else if (event.key === "ArrowDown" && (at >= 0 || event.target === filter))
      (items[at + 1] ?? items.at(-1))?.focus()
    else if (event.key === "ArrowUp" && at >= 0) (items[at - 1] ?? filter).focus()
    else if (event.key === "Delete" && at >= 0)
      this.#remove(this.#replies.all.find(({ id }) => id === items[at].dataset.reply))
    else return
    event.preventDefault()
  }

  #use(reply) {
    this.#insert(fill(reply.text, this.#names))
  }

  #insert(filled) {
    const [, caret] = this.#range
    this.#range = null
    this.#dialog.close()
    insert(this.#composer, filled, caret)
  }

  // Internal: one reply

  #showForm(draft, words = "") {
    const { base } = draft
    const title = build("input", {
      type: "text",
      maxlength: LONGEST.title,
      autocomplete: "off",
      required: true,
      dir: "auto",
      value: draft.title,
    })
    const text = build("textarea", {
      rows: 7,
      required: true,
      dir: "auto",
      "aria-describedby": "replies-fields",
    })
    text.value = draft.text
    const save = build("button", { class: "button", text: t("Enregistrer") })
    const form = build(
      "form",
      { class: "replies__form", novalidate: true },
      build("label", { class: "field" }, build("span", { text: t("Titre") }), title),
      build("label", { class: "field" }, build("span", { text: t("Texte") }), text),
      build("p", {
        class: "quiet small",
        id: "replies-fields",
        text: t(
          "{a}, {b} et {c} se remplissent tout seuls. Les autres {d}, comme {e}, se remplissent un à un avec Tab.",
          FIELDS(),
        ),
      }),
      build(
        "div",
        { class: "sheet__actions" },
        save,
        this.#makeButton(t("Abandonner"), () => this.#discard(base)),
        base && this.#makeButton(t("Supprimer"), () => this.#remove(base), "button--alarm"),
      ),
    )
    const read = () => ({ base, title: title.value, text: text.value })
    form.addEventListener("input", () => (unsaved = read()))
    form.addEventListener("submit", (event) => {
      event.preventDefault()
      this.#save(read(), { title, text })
    })
    this.#body.onkeydown = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit()
    }
    this.#leave = () => this.#leaveForm(base)
    this.#put(base ? t("Modifier une réponse") : t("Nouvelle réponse"), form)
    this.#say(words)
    title.focus()
  }

  /** Escape goes back to the list; what was typed is not thrown away without being asked. */
  #leaveForm(base) {
    if (!unsaved) this.#backToList(base?.id)
    else
      this.#say(
        t("Ce n’est pas enregistré. Enregistrez, ou abandonnez ; en fermant, vous le retrouverez ici."),
      )
    return true
  }

  #discard(base) {
    unsaved = null
    this.#backToList(base?.id)
  }

  #backToList(focused) {
    this.#showList("", focused)()
    this.#focusOn(focused)
  }

  #focusOn(id) {
    this.#body.querySelector(`[data-reply="${CSS.escape(id ?? "")}"]`)?.focus()
  }

  async #save({ base, title, text }, fields) {
    const missing = !text.trim() ? "text" : null
    if (missing) return this.#refuse(fields.text, t("Écrivez le texte de la réponse."))
    if (lengthOf(text) > LONGEST.text)
      return this.#refuse(fields.text, t("Ce texte est trop long : 8 000 caractères au plus."))
    const mine = { id: base?.id ?? uuid7(), title: title.trim() || makeTitle(text), text }
    await this.#insist(mine, base)
  }

  /** Save; where another tab changed the same one, show both. */
  async #insist(mine, base) {
    try {
      await this.#replies.save(mine, base)
      unsaved = null
      this.#query = ""
      this.#showList(t("« {title} » est enregistrée.", mine), mine.id)
    } catch (refusal) {
      if (refusal instanceof Clash) this.#showBoth(mine, refusal.theirs)
      else this.#say(sayWhy(refusal), true)
    }
  }

  #showBoth(mine, theirs) {
    const choices = [
      this.#makeButton(t("Garder la mienne"), () => this.#insist(mine, theirs), ""),
      theirs && this.#makeButton(t("Garder l’autre"), () => this.#discard(theirs)),
      theirs && this.#makeButton(t("Garder les deux"), () => this.#insist({ ...mine, id: uuid7() }, null)),
      !theirs && this.#makeButton(t("La laisser supprimée"), () => this.#discard(null)),
    ]
    unsaved = { base: theirs, title: mine.title, text: mine.text }
    this.#put(
      t("Deux versions"),
      makeVersion(t("La vôtre, ici"), mine),
      theirs && makeVersion(t("Celle de l’autre onglet"), theirs),
      build("div", { class: "sheet__actions" }, ...choices.filter(Boolean)),
    )
    this.#body.onkeydown = null
    this.#leave = () => false
    this.#say(
      theirs
        ? t("Cette réponse a changé entre-temps dans un autre onglet. Rien n’est perdu : choisissez.")
        : t("Cette réponse a été supprimée entre-temps dans un autre onglet. Rien n’est perdu : choisissez."),
    )
    this.#heading.focus()
  }

  async #remove(reply) {
    try {
      const putBack = await this.#replies.remove(reply)
      unsaved = null
      this.#showList("")()
      this.#say(t("« {title} » est supprimée.", reply))
      const undo = this.#makeButton(t("Annuler la suppression"), () => this.#undo(putBack, reply))
      this.#body.querySelector(".sheet__actions").prepend(undo)
      undo.focus()
    } catch (refusal) {
      if (refusal instanceof Clash)
        this.#showList(
          t("Elle a changé entre-temps dans un autre onglet : elle n’est pas supprimée."),
          reply.id,
        )
      else this.#say(sayWhy(refusal), true)
    }
  }

  async #undo(putBack, reply) {
    try {
      await putBack()
      this.#showList(t("« {title} » est de retour.", reply), reply.id)
    } catch (refusal) {
      this.#say(sayWhy(refusal), true)
    }
  }

  // Internal: pieces

  #put(title, ...content) {
    this.#heading.textContent = title
    this.#body.replaceChildren(...content.filter(Boolean))
  }

  #say(words, isTrouble = false) {
    this.#state.textContent = words
    this.#state.classList.toggle("trouble", isTrouble)
    this.#state.classList.toggle("quiet", !isTrouble)
  }

  #refuse(field, words) {
    this.#say(words, true)
    field.setAttribute("aria-invalid", "true")
    field.focus()
  }

  #makeButton(text, action, kind = "button--quiet") {
    const button = build("button", { class: `button ${kind}`, type: "button", text })
    button.addEventListener("click", action)
    return button
  }
}

/** The names of fields as they are written in a text. */
const FIELDS = () =>
  language === "en"
    ? { a: "{first name}", b: "{me}", c: "{date}", d: "{fields}", e: "{day and time}" }
    : { a: "{prénom}", b: "{moi}", c: "{date}", d: "{champs}", e: "{jour et heure}" }

const makeTitle = (text) => text.trim().split("\n")[0].slice(0, 60)

function makeVersion(name, { title, text }) {
  return build(
    "section",
    { class: "card replies__version", "aria-label": name },
    build("h3", { text: name }),
    build("p", {}, build("b", { dir: "auto", text: title })),
    build("p", { class: "replies__whole small", dir: "auto", text }),
  )
}

function sayWhy(refusal) {
  if (refusal instanceof TooMuch)
    return t(
      "Il n’y a plus de place : 100 réponses au plus, et 100 000 signes en tout. Supprimez-en une d’abord.",
    )
  return sayRefusal(refusal, "")
}

customElements.define("replies-sheet", RepliesSheet)

export async function openReplies(composer, names) {
  await wear("replies")
  const sheet = new RepliesSheet()
  document.body.append(sheet)
  await sheet.open(composer, names)
}
