/* What the state line says of a message that came by e-mail, and its link to all of it. Tells `whole-mail` {message}. */

import { build } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"

export const isMail = ({ kind }) => kind === "email"

/** Say how far one's own e-mail has come; `seen` says who has seen it. */
export const saySent = (seen) => [t("envoyé par e-mail"), seen].filter(Boolean).join(" · ")

export function makeMailLink(message) {
  const link = build("button", {
    class: "link quiet",
    type: "button",
    "aria-haspopup": "dialog",
    text: t("Voir tout l’e-mail"),
  })
  link.addEventListener("click", () =>
    link.dispatchEvent(new CustomEvent("whole-mail", { bubbles: true, detail: { message } })),
  )
  return link
}
