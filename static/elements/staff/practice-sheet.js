/*
  « Quand vous répondez »: within which time one promises to answer, and until when one is away, with a word for members.
  Loaded when it is opened. Tells the document `practice-changed`.
*/

import "../../helpers/words/more-words.js"
import { build } from "../../helpers/build.js"
import { now } from "../../helpers/server-clock.js"
import { wear } from "../../helpers/late-styles.js"
import { sayWithin } from "../../helpers/words/reply-time-words.js"
import { isoDay } from "../../helpers/time.js"
import { t } from "../../helpers/words/words.js"
import { practice, sayPractice } from "../../models/conversations/about.js"
import { sayRefusal } from "../pieces/refusal.js"

const CHOICES = [4, 8, 24, 48, 72, 120, 168, 336]
const LONGEST = 500

export async function openPractice() {
  const [known] = await Promise.all([practice().catch(() => null), wear("about")])
  const heading = build("h2", { id: "practice-title", tabindex: "-1", text: t("Quand vous répondez") })
  const close = build("button", { class: "round round--close", type: "button", "aria-label": t("Fermer") })
  const dialog = build(
    "dialog",
    { class: "sheet", "aria-labelledby": "practice-title" },
    build("div", { class: "sheet__head" }, heading, close),
  )
  dialog.append(
    known
      ? makeForm(known, dialog)
      : build("p", { text: t("Le service ne répond pas. Réessayez dans un instant.") }),
  )
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  heading.focus()
}

function makeForm(known, dialog) {
  const hours = makeHours(known.reply_within_hours)
  const until = build("input", {
    type: "date",
    name: "until",
    min: isoDay(now()),
    value: known.away_until && isoDay(Date.parse(known.away_until) - 1),
  })
  const words = build("textarea", {
    name: "words",
    rows: "3",
    maxlength: LONGEST,
    dir: "auto",
    "aria-describedby": "practice-hint",
  })
  words.value = known.away_words ?? ""
  const trouble = build("p", { class: "trouble", role: "alert" })
  const form = build(
    "form",
    { class: "practice" },
    makeField(t("Vous répondez d’habitude"), hours),
    build("p", {
      class: "quiet small",
      text: t("Les membres le voient là où ils vous écrivent. Votre liste dit qui attend au-delà."),
    }),
    build(
      "fieldset",
      { class: "practice__away" },
      build("legend", { text: t("Une absence") }),
      makeField(t("Dernier jour d’absence"), until),
      makeField(t("Un mot pour les membres"), words),
      makeHint(),
    ),
    trouble,
    makeActions(until, Boolean(known.away_until)),
  )
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    keep(
      {
        reply_within_hours: Number(hours.value) || null,
        away_until: endOf(until.value),
        away_words: words.value.trim() || null,
      },
      dialog,
      trouble,
    )
  })
  return form
}

function makeHours(known) {
  const choices = [...new Set([...CHOICES, known].filter(Boolean))].sort((one, other) => one - other)
  const option = (value, text) => build("option", { value, text, selected: value === (known ?? "") })
  return build(
    "select",
    { name: "hours" },
    option("", t("sans délai promis")),
    ...choices.map((hours) => option(hours, t("en {within} au plus", { within: sayWithin(hours) }))),
  )
}

const makeField = (label, input) => build("label", { class: "field" }, build("span", { text: label }), input)

const makeHint = () =>
  build("p", {
    class: "quiet small",
    id: "practice-hint",
    text: t(
      "À qui s’adresser entre-temps, par exemple. Le service peut lire ce mot : rien de confidentiel ici.",
    ),
  })

function makeActions(until, isAway) {
  const save = build("button", { class: "button", text: t("Enregistrer") })
  const back = isAway && build("button", { class: "button button--quiet", text: t("Je suis de retour") })
  if (back) back.addEventListener("click", () => (until.value = ""))
  return build("div", { class: "sheet__actions" }, save, back)
}

async function keep(said, dialog, trouble) {
  try {
    await sayPractice(said)
    dialog.close()
    document.dispatchEvent(new CustomEvent("practice-changed"))
  } catch (refusal) {
    trouble.textContent = sayRefusal(refusal, "")
  }
}

/** Give the moment at which a day ends here; nothing for no day. */
function endOf(day) {
  if (!day) return null
  const [year, month, date] = day.split("-").map(Number)
  return new Date(year, month - 1, date + 1).toISOString()
}
