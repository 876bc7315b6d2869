/* Prints a whole conversation: days, names and times, nothing of the page around it. It is in the page only while it is printed. */

import { build } from "../../../helpers/build.js"
import { wear } from "../../../helpers/late-styles.js"
import { sayNames, sayRole } from "../../../helpers/words/names.js"
import { dayOf, isoDay, sayExactly, sayHour } from "../../../helpers/time.js"
import { language, t, tn } from "../../../helpers/words/words.js"
import { sayAuthor } from "../log/message-row.js"

const day = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { dateStyle: "full" })

/** Print messages of a thread as `reader` sees them; `before` is how many older ones are left out. */
export async function print(thread, reader, messages, before) {
  await wear("paper")
  const paper = makePaper(thread, reader, messages, before)
  document.body.append(paper)
  const title = document.title
  document.title = sayTitle(thread)
  globalThis.addEventListener("afterprint", () => putAway(paper, title), { once: true })
  globalThis.print()
}

function putAway(paper, title) {
  paper.remove()
  document.title = title
}

function makePaper(thread, reader, messages, before) {
  const people = thread.participants
    .map(({ first_name: name, role }) => `${name} (${sayRole(role)})`)
    .join(", ")
  const about = [
    people,
    tn("{n} message", "{n} messages", messages.length),
    t("imprimé le {date}", { date: sayExactly(Date.now()) }),
  ].join(" · ")
  const omitted =
    before > 0 &&
    build("p", {
      class: "paper__about",
      text: tn(
        "{n} message plus ancien n’est pas imprimé.",
        "{n} messages plus anciens ne sont pas imprimés.",
        before,
      ),
    })
  const rows = messages.flatMap((message, place) => makeRows(message, messages[place - 1], thread, reader))
  return build(
    "section",
    { class: "paper" },
    build("h1", { text: sayTitle(thread) }),
    build("p", { class: "paper__about", text: about }),
    omitted,
    ...rows,
  )
}

function makeRows(message, previous, thread, reader) {
  const { at, author } = message
  const beginsDay = !previous || dayOf(previous.at) !== dayOf(at)
  const heading = build(
    "h2",
    { class: "paper__day" },
    build("time", { datetime: isoDay(at), text: day.format(new Date(at)) }),
  )
  const name = author === reader.id ? reader.first_name : sayAuthor(message, thread)
  const who = build(
    "p",
    { class: "paper__who", dir: "auto", text: `${name} · ` },
    build("time", { datetime: at, text: sayHour(at) }),
  )
  const text = message.kind === "broken" ? t("Ce message a été altéré : il n’est pas affiché.") : message.text
  const row = build(
    "article",
    { class: "paper__message" },
    who,
    build("p", { class: "paper__text", dir: "auto", text }),
  )
  return beginsDay ? [heading, row] : [row]
}

const sayTitle = (thread) => t("Conversation avec {names}", { names: sayNames(thread.others) })
