/*
  Takes a copy of one's own conversation: as a page to read (HTML) or as data (JSON). It is made here, in the browser, from
  what one may read; nothing is kept of it by the service. Loaded when it is opened.
*/

import "../helpers/more-words.js"
import { build } from "../helpers/build.js"
import { sayNames, sayRole } from "../helpers/people.js"
import { isoDay, sayDate, sayExactly } from "../helpers/time.js"
import { language, t, tn } from "../helpers/words.js"
import { wholeHistory } from "../models/whole-history.js"
import { sayAuthor } from "./message-row.js"
import { sayRefusal } from "./refusal.js"

const KINDS = { html: ["text/html", writePage], json: ["application/json", writeData] }

export function openExport(thread, reader) {
  const state = build("p", { class: "quiet small", role: "status" })
  const actions = build("div", { class: "sheet__actions" })
  const title = build("h2", { id: "export-title", tabindex: "-1", text: t("Garder une copie") })
  const words = build("p", { text: t("La copie est faite dans ce navigateur. Elle n’est pas chiffrée : gardez-la en lieu sûr.") })
  const dialog = build("dialog", { class: "sheet", "aria-labelledby": "export-title" }, title, words, state, actions)
  actions.append(makeChoice(t("Une page à lire"), "html"), makeChoice(t("Des données (JSON)"), "json"), makeClose(dialog))
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  title.focus()

  function makeChoice(text, kind) {
    const button = build("button", { class: "button button--quiet", type: "button", text })
    button.addEventListener("click", () => save(kind))
    return button
  }

  async function save(kind) {
    try {
      const messages = await wholeHistory(thread, (count) => (state.textContent = tn("{n} message lu", "{n} messages lus", count)))
      const [type, write] = KINDS[kind]
      download(new Blob([write(thread, reader, messages)], { type }), `ailo-${isoDay(Date.now())}.${kind}`)
      state.textContent = t("La copie est dans vos téléchargements.")
    } catch (refusal) {
      state.textContent = sayRefusal(refusal, "")
    }
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
  const participants = thread.participants.map(({ id, role, first_name: name }) => ({ id, role, first_name: name }))
  return JSON.stringify({ thread: thread.id, exported_for: reader.id, participants, messages }, null, 1)
}

function writePage(thread, reader, messages) {
  const title = t("Conversation avec {names}", { names: sayNames(thread.others) })
  const people = thread.participants.map(({ first_name: name, role }) => `${name} (${sayRole(role)})`).join(", ")
  const rows = messages.map((message) => {
    const name = message.author === reader.id ? reader.first_name : sayAuthor(message, thread)
    return `<article><h2>${escaped(name)} · <time datetime="${message.at}">${escaped(sayExactly(message.at))}</time></h2><p dir="auto">${escaped(message.text)}</p></article>`
  })
  const style = "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}h2{font-size:.9rem;margin:1.5rem 0 .25rem}p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}"
  return `<!doctype html><html lang="${language}"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>${escaped(title)}</title><style>${style}</style><h1>${escaped(title)}</h1><p>${escaped(people)}, ${escaped(sayDate(Date.now()))}</p>${rows.join("\n")}</html>`
}

const escaped = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.codePointAt(0)};`)
