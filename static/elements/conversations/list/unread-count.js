/* Makes the number of unread messages of a thread: a figure to see, a sentence to hear; nothing where there is none. */

import { build } from "../../../helpers/build.js"
import { tn } from "../../../helpers/words/words.js"

export function makeCount({ unread }) {
  if (!unread) return null
  const said = build("span", {
    class: "visually-hidden",
    text: tn("{n} message non lu", "{n} messages non lus", unread),
  })
  const shown = build("span", { "aria-hidden": "true", text: unread > 99 ? "99+" : unread })
  return build("span", { class: "count" }, shown, said)
}
