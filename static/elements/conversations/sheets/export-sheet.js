/*
  Takes a copy of one's own conversation: as a page to read (HTML), as data (JSON), or on paper. It is made here, in the browser, from
  what one may read; nothing is kept of it by the service. Loaded when it is opened.
*/

import "../../../helpers/words/more-words.js"
import { build } from "../../../helpers/build.js"
import { sayNames, sayRole } from "../../../helpers/words/names.js"
import { isoDay, sayDate, sayExactly } from "../../../helpers/time.js"
import { language, t, tn } from "../../../helpers/words/words.js"
import { wholeHistory } from "../../../models/conversations/whole-history.js"
import { sayAuthor } from "../log/message-row.js"
import { sayRefusal } from "../../pieces/refusal.js"

// What a browser can still lay out on paper; more than three hundred pages.
const MOST_PRINTED = 10_000

const KINDS = { html: ["text/html", writePage], json: ["application/json", writeData] }

export function openExport(thread, reader) {
  const state = build("p", { class: "quiet small", role: "status" })
  const actions = build("div", { class: "sheet__actions" })
  const title = build("h2", { id: "export-title", tabindex: "-1", text: t("Garder une copie") })
  const words = build("p", {
    text: t("La copie est faite dans ce navigateur. Elle n’est pas chiffrée : gardez-la en lieu sûr."),
  })
  const dialog = build(
    "dialog",
    { class: "sheet", "aria-labelledby": "export-title" },
    title,
    words,
    state,
    actions,
  )
  actions.append(
    makeChoice(t("Une page à lire"), () => save("html")),
    makeChoice(t("Des données (JSON)"), () => save("json")),
    makeChoice(t("Imprimer"), print),
    makeClose(dialog),
  )
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  title.focus()

  function makeChoice(text, action) {
    const button = build("button", { class: "button button--quiet", type: "button", text })
    button.addEventListener("click", () => attempt(action))
    return button
  }

  async function attempt(action) {
    if (dialog.hasAttribute("aria-busy")) return
    dialog.setAttribute("aria-busy", "true")
    await action().catch((refusal) => (state.textContent = sayRefusal(refusal, "")))
    dialog.removeAttribute("aria-busy")
  }

  /** Tell how far the reading is; it ends with the sheet. */
  function note(count) {
    state.textContent = tn("{n} message lu", "{n} messages lus", count)
    return dialog.open
  }

  async function save(kind) {
    const messages = await wholeHistory(thread, note)
    if (!dialog.open) return
    const [type, write] = KINDS[kind]
    download(new Blob([write(thread, reader, messages)], { type }), `ailo-${isoDay(Date.now())}.${kind}`)
    state.textContent = t("La copie est dans vos téléchargements.")
  }

  async function print() {
    const after = Math.max(0, thread.lastSeq - MOST_PRINTED)
    const messages = await wholeHistory(thread, note, after)
    if (!dialog.open) return
    const paper = await import("./print-sheet.js")
    dialog.close()
    await paper.print(thread, reader, messages, after)
  }
}

function makeClose(dialog) {
  const button = build("button", { class: "button button--plain", type: "button", text: t("Fermer") })
  button.addEventListener("click", () => dialog.close())
  return button
}

function download(blob, name) {
  const link = build("a", { href: URL.createObjectURL(blob), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

function writeData(thread, reader, messages) {
  const participants = thread.participants.map(({ id, role, first_name: name }) => ({
    id,
    role,
    first_name: name,
  }))
  return JSON.stringify({ thread: thread.id, exported_for: reader.id, participants, messages }, null, 1)
}

function writePage(thread, reader, messages) {
  const title = t("Conversation avec {names}", { names: sayNames(thread.others) })
  const people = thread.participants
    .map(({ first_name: name, role }) => `${name} (${sayRole(role)})`)
    .join(", ")
  const rows = messages.map((message) => {
    const name = message.author === reader.id ? reader.first_name : sayAuthor(message, thread)
    return `<article><h2>${escaped(name)} · <time datetime="${message.at}">${escaped(sayExactly(message.at))}</time></h2><p dir="auto">${escaped(message.text)}</p></article>`
  })
  const style =
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}h2{font-size:.9rem;margin:1.5rem 0 .25rem}p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}"
  return `<!doctype html><html lang="${language}"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>${escaped(title)}</title><style>${style}</style><h1>${escaped(title)}</h1><p>${escaped(people)}, ${escaped(sayDate(Date.now()))}</p>${rows.join("\n")}</html>`
}

const escaped = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.codePointAt(0)};`)
