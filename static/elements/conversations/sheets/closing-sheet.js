/* Asks before a conversation is closed, and opens a closed one again. Loaded when it is wanted. */

import "../../../helpers/words/more-words.js"
import { build } from "../../../helpers/build.js"
import { t } from "../../../helpers/words/words.js"
import { close, learnAbout, reopen } from "../../../models/conversations/about.js"
import { sayRefusal } from "../../pieces/refusal.js"

/** Ask whether to close a conversation; one that is closed opens again without a question. */
export async function openClosing(thread) {
  if (!thread.closedAt) return ask(thread)
  await reopen(thread).catch(() => null)
  await learnAbout(thread)
}

function ask(thread) {
  const name = thread.member?.first_name ?? ""
  const trouble = build("p", { class: "trouble", role: "alert" })
  const yes = build("button", { class: "button", type: "button", text: t("Clore la conversation") })
  const no = build("button", { class: "button button--quiet", type: "button", text: t("Annuler") })
  const heading = build("h2", { id: "closing-title", tabindex: "-1", text: t("Clore cette conversation ?") })
  const waits =
    thread.waitingSince &&
    build("p", {}, build("b", { text: t("{name} attend encore une réponse.", { name }) }))
  const words = build("p", {
    text: t(
      "{name} verra que vous y mettez fin, et pourra écrire quand même : un message la rouvre. Rien n’est effacé.",
      { name },
    ),
  })
  const dialog = build(
    "dialog",
    { class: "sheet", "aria-labelledby": "closing-title" },
    heading,
    waits,
    words,
    trouble,
    build("div", { class: "sheet__actions" }, yes, no),
  )
  yes.addEventListener("click", () => closeNow(thread, dialog, trouble))
  no.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  heading.focus()
}

async function closeNow(thread, dialog, trouble) {
  try {
    await close(thread)
    dialog.close()
    await learnAbout(thread)
  } catch (refusal) {
    trouble.textContent = sayRefusal(refusal, "")
  }
}
