/* Makes one line of the list of conversations: who, their last words, how long they have waited, what is unread. */

import { build } from "../../../helpers/build.js"
import { sayNameAmong } from "../../../helpers/words/names.js"
import { standing } from "../../../helpers/reply-time.js"
import { LONG_WAIT, sayExactly, sayMoment, sayWait, waitSince } from "../../../helpers/time.js"
import { t } from "../../../helpers/words/words.js"
import { makeCount } from "./unread-count.js"
import { makeFace } from "../../pieces/face.js"

const SHOWN = 120

export function makeItem(thread, { shared, isOpen }) {
  const person = thread.member ?? thread.participants[0]
  const name = build("b", { dir: "auto", text: sayNameAmong(person, shared) })
  const text = build(
    "span",
    { class: "person__text" },
    name,
    build("span", { class: "small person__last", dir: "auto", text: sayLast(thread) }),
  )
  const side = build(
    "span",
    { class: "person__side" },
    makeTime(thread),
    makeCount(thread) ?? makeSuggested(thread),
  )
  const attributes = {
    class: thread.unread ? "person person--unread" : "person",
    href: `#${thread.id}`,
    "aria-current": isOpen ? "true" : null,
    data: { thread: thread.id },
  }
  return build("li", { data: { key: thread.id } }, build("a", attributes, makeFace(person), text, side))
}

/** Make the pill that says since when somebody waits: honey, and clay when it has been too long, by what one promised or by a day. */
export function makeWait(since) {
  const stands = standing(waitSince(since))
  const isLong = stands ? stands === "over" : waitSince(since) >= LONG_WAIT
  const said = build("span", { class: "visually-hidden", text: t("attend depuis") })
  const time = build("time", { datetime: since, title: sayExactly(since), text: sayWait(since) })
  const words = { soon: t("bientôt"), over: t("délai passé") }[stands]
  return build(
    "span",
    { class: isLong ? "wait wait--long" : "wait" },
    said,
    " ",
    time,
    words && build("span", { class: "wait__words", text: ` · ${words}` }),
  )
}

function makeTime(thread) {
  if (thread.waitingSince) return makeWait(thread.waitingSince)
  if (!thread.last) return null
  const { at } = thread.last
  return build("time", { class: "quiet small", datetime: at, title: sayExactly(at), text: sayMoment(at) })
}

const makeSuggested = ({ isSuggested }) =>
  isSuggested && build("span", { class: "quiet small", text: t("mot suggéré") })

function sayLast(thread) {
  const { last } = thread
  if (!last) return t("Aucun message pour l’instant")
  if (last.kind === "broken") return t("Un message altéré")
  const text = Array.from(
    last.text
      .slice(0, SHOWN * 2)
      .replace(/\s+/g, " ")
      .trim(),
  )
    .slice(0, SHOWN)
    .join("")
  if (thread.isMine(last)) return t("Vous : {text}", { text })
  return last.author === thread.member?.id
    ? text
    : t("{name} : {text}", { name: thread.nameOf(last.author) ?? t("Ailo"), text })
}
