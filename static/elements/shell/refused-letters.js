/* A quiet line on the page: the service's e-mails are refused at one's address. Put off, it comes back with the next refusal. */

import "../../helpers/words/more-words.js"
import { build } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"

const PUT_OFF = "refused-letters"

export async function tellRefused(account, safe, { refusedAt, stoppedAt, letters }) {
  if ((!letters.replies && !stoppedAt) || (await safe.find(PUT_OFF)) === refusedAt) return
  const words = build("p", {
    class: "small",
    text: t("Nos e-mails n’arrivent plus à votre adresse. Vos messages, eux, vous attendent ici."),
  })
  const more = build("button", { class: "button button--quiet", type: "button", text: t("Que faire ?") })
  const later = build("button", { class: "button button--plain", type: "button", text: t("Plus tard") })
  const line = build(
    "section",
    { class: "offer", "aria-label": t("E-mails refusés") },
    words,
    build("p", { class: "offer__actions" }, more, later),
  )
  more.addEventListener("click", async () =>
    (await import("../accounts/account-sheet.js")).openAccount(account, "letters"),
  )
  later.addEventListener("click", () => {
    safe.keep(PUT_OFF, refusedAt)
    line.remove()
  })
  document.querySelector("ways-offer").after(line)
}
