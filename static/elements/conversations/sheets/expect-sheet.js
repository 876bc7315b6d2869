/* « À quoi s’attendre »: when an answer comes, what an e-mail says, who can read, what to do when it cannot wait. Loaded when it is opened. */

import "../../../helpers/words/more-words.js"
import { build } from "../../../helpers/build.js"
import { wear } from "../../../helpers/late-styles.js"
import { sayLastDay } from "../../../helpers/words/reply-time-words.js"
import { t, tlist } from "../../../helpers/words/words.js"
import { learnAbout } from "../../../models/conversations/about.js"
import { sayPromises } from "../about-line.js"

export async function openExpect(thread) {
  await Promise.all([wear("about"), thread.about || learnAbout(thread)])
  const heading = build("h2", { id: "expect-title", tabindex: "-1", text: t("À quoi s’attendre") })
  const close = build("button", { class: "round round--close", type: "button", "aria-label": t("Fermer") })
  const dialog = build(
    "dialog",
    { class: "sheet expect", "aria-labelledby": "expect-title" },
    build("div", { class: "sheet__head" }, heading, close),
  )
  dialog.append(
    makePart(
      t("Quand vient la réponse"),
      ...sayAnswers(thread),
      t("Écrivez quand bon vous semble, à toute heure : la réponse vous attendra ici."),
    ),
    makePart(
      t("Ce que dira un e-mail"),
      t(
        "Si une réponse reste non lue quelques minutes, un e-mail vous dit qu’un message vous attend, avec un lien. Il ne dit ni de qui, ni à quel sujet, ni un mot de ce qui est écrit.",
      ),
      t(
        "Il n’y en a pas d’autre avant que vous ayez lu, ou avant le lendemain. Vous en décidez dans « Mon compte ».",
      ),
    ),
    makePart(
      t("Qui peut lire"),
      t("{names}. Votre employeur n’y a aucun accès.", {
        names: tlist([...thread.others.map(({ first_name: name }) => name), t("vous")]),
      }),
    ),
    makeOpener(dialog, t("Qui y a accès ?"), "who", "button button--quiet"),
    makePart(
      t("Si cela ne peut pas attendre"),
      t("Ailo n’est pas un service d’urgence : une réponse peut prendre plusieurs heures."),
    ),
    makeOpener(dialog, t("Aide urgente"), "urgent-help", "help"),
  )
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  heading.focus()
}

function sayAnswers(thread) {
  const said = (thread.about?.people ?? [])
    .map((person) => ({ ...person, ...thread.others.find(({ id }) => id === person.id) }))
    .filter((person) => person.first_name)
  const away = said.filter((person) => person.away_until)
  const promised = sayPromises(said.filter((person) => person.reply_within_hours && !person.away_until))
  const absences = away.map((person) =>
    [
      t("{name} s’absente jusqu’au {date}.", {
        name: person.first_name,
        date: sayLastDay(person.away_until),
      }),
      person.away_words,
    ]
      .filter(Boolean)
      .join(" "),
  )
  if (!promised && !away.length)
    return [t("Aucun délai n’est promis : une réponse peut prendre plusieurs jours.")]
  return [...absences, promised].filter(Boolean)
}

const makePart = (title, ...words) =>
  build(
    "section",
    { class: "expect__part" },
    build("h3", { text: title }),
    ...words.map((text) => build("p", { dir: "auto", text })),
  )

/** A panel of the page would lie below a dialog that is open. */
function makeOpener(dialog, text, id, kind) {
  const button = build("button", { class: kind, type: "button", text })
  button.addEventListener("click", () => {
    dialog.close()
    document.getElementById(id).showPopover()
  })
  return button
}
