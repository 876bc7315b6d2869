/* All of an e-mail that became a message: its subject, its text with what it quoted, what was attached. Loaded when it is opened. */

import "../../helpers/words/more-words.js"
import { build } from "../../helpers/build.js"
import { wear } from "../../helpers/late-styles.js"
import { sayExactly } from "../../helpers/time.js"
import { t } from "../../helpers/words/words.js"
import { wholeMail } from "../../models/inbound/mails.js"
import { sayAuthor } from "../conversations/log/message-row.js"
import { sayRefusal } from "../pieces/refusal.js"
import { makeAttachments } from "./attachments.js"

export async function openWholeMail(thread, message) {
  await wear("inbound")
  const heading = build("h2", { id: "whole-mail-title", tabindex: "-1", text: t("L’e-mail en entier") })
  const close = build("button", { class: "round round--close", type: "button", "aria-label": t("Fermer") })
  const body = build("div", { class: "whole-mail__body", "aria-live": "polite" })
  const dialog = build(
    "dialog",
    { class: "sheet whole-mail", "aria-labelledby": "whole-mail-title" },
    build("div", { class: "sheet__head" }, heading, close),
    build("p", { class: "quiet small", dir: "auto", text: sayOrigin(thread, message) }),
    body,
  )
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  heading.focus()
  await fill(body, thread, message)
}

async function fill(body, thread, message) {
  body.replaceChildren(build("p", { class: "quiet", text: t("Chargement de l’e-mail…") }))
  body.setAttribute("aria-busy", "true")
  try {
    body.replaceChildren(...makeMail(await wholeMail(thread, message)))
  } catch (refusal) {
    body.replaceChildren(...makeTrouble(refusal, () => fill(body, thread, message)))
  }
  body.removeAttribute("aria-busy")
}

const makeMail = ({ subject, text, attachments }) =>
  [
    build("h3", { class: "whole-mail__subject", dir: "auto", text: subject || t("Sans objet") }),
    text && build("div", { class: "whole-mail__text", dir: "auto", text }),
    makeAttachments(attachments),
  ].filter(Boolean)

function makeTrouble(refusal, again) {
  if (refusal.status === 404)
    return [build("p", { text: t("Seul le message a été gardé, pas le reste de cet e-mail.") })]
  const button = build("button", { class: "button button--quiet", type: "button", text: t("Réessayer") })
  button.addEventListener("click", () => {
    button.closest("dialog").querySelector("h2").focus()
    again()
  })
  return [build("p", { class: "trouble", text: sayRefusal(refusal, "") }), button]
}

function sayOrigin(thread, message) {
  const date = sayExactly(message.at)
  if (thread.isMine(message)) return t("Envoyé par e-mail, {date}", { date })
  return t("{name}, reçu par e-mail, {date}", { name: sayAuthor(message, thread), date })
}
