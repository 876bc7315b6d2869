/* Says who came into a conversation and who left it. */

import { t, tlist, tn } from "../../helpers/words/words.js"

export function sayChange({ came, left }) {
  const joined =
    came.length &&
    tn("{names} a rejoint la conversation.", "{names} ont rejoint la conversation.", came.length, {
      names: tlist(came),
    })
  const gone =
    left.length &&
    tn("{names} a quitté la conversation.", "{names} ont quitté la conversation.", left.length, {
      names: tlist(left),
    })
  return [joined, gone].filter(Boolean).join(" ")
}

/** What it means for the message that one is about to send. */
export function sayConsequence({ came, left }) {
  if (came.length) return t("Ce que vous écrirez sera lu aussi par {names}.", { names: tlist(came) })
  return t("Ce que vous écrirez ne sera plus lu par {names}.", { names: tlist(left) })
}
