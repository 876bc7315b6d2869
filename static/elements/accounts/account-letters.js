/* The view of e-mails: which ones one wants, how many a day, at which hours none, which ones may be answered, and what to do where they are refused. */

import { build } from "../../helpers/build.js"
import { sayDay } from "../../helpers/time.js"
import { t } from "../../helpers/words/words.js"
import { resumeLetters } from "../../models/accounts/own-settings.js"
import { refuseAnswers } from "../../models/inbound/mails.js"
import { sayZone } from "./account-language.js"
import { makeChoice } from "../pieces/choice.js"
import { sayRefusal } from "../pieces/refusal.js"

const USUAL_NIGHT = { quietFrom: "21:00", quietTo: "07:00" }

export function makeLetters(sheet) {
  const { quietFrom } = sheet.settings.letters
  const hours = makeHours(sheet)
  const quiet = makeChoice(Boolean(quietFrom), t("Des heures calmes, sans e-mail"), (isOn) => {
    hours.hidden = !isOn
    saveHours(sheet, isOn ? hours : null)
  })
  const nights = build("div", { class: "account__nights" }, quiet, hours)
  const words = build("p", { class: "quiet small", text: sayWhatItSays(sheet.settings.letters.texts) })
  return [
    t("E-mails"),
    sheet.settings.refusedAt && makeRefused(sheet),
    words,
    makeReplies(sheet, sheet.account.role === "member" && makeTexts(sheet, words)),
    sheet.account.role === "member" && makeLists(sheet),
    sheet.account.role === "member" && sheet.settings.lettersADay > 1 && makeMost(sheet),
    build("div", { class: "choices" }, nights),
    makeAnswers(sheet),
  ].filter(Boolean)
}

const sayWhatItSays = (hasTexts) =>
  hasTexts
    ? t("Un e-mail ne part que si vous n’avez pas lu le message entre-temps.")
    : t(
        "Un e-mail dit qu’un message vous attend, et rien de plus : ni de qui, ni à quel sujet. Il ne part que si vous ne l’avez pas lu entre-temps.",
      )

/** Whether and when one is told of a reply: at once, once a day, never. With `texts`, the choice of what it says then. */
function makeReplies(sheet, texts) {
  const { replies, digest } = sheet.settings.letters
  if (texts) texts.hidden = !replies
  const make = (text, isChosen, letters) => {
    const input = build("input", { type: "radio", name: "replies", checked: isChosen })
    input.addEventListener("change", () => {
      if (texts) texts.hidden = !letters.replies
      sheet.save({ letters })
    })
    return build("label", { class: "choice" }, input, build("span", { text }))
  }
  return build(
    "fieldset",
    { class: "choices" },
    build("legend", { text: t("Quand une réponse m’attend") }),
    make(t("M’écrire tout de suite"), replies && !digest, { replies: true, digest: false }),
    make(t("M’écrire une fois par jour, vers 17 h, pour tout ce qui attend"), replies && digest, {
      replies: true,
      digest: true,
    }),
    make(t("Ne pas m’écrire"), !replies, { replies: false }),
    texts,
  )
}

/** Whether an e-mail holds the text of the replies; who can read it then is said before it is chosen. */
function makeTexts(sheet, words) {
  const hint = build("p", {
    class: "quiet small",
    id: "texts-hint",
    text: t(
      "Les messageries par lesquelles passe un e-mail peuvent le lire. À une adresse professionnelle, votre employeur le peut aussi.",
    ),
  })
  const choose = (isOn) => {
    words.textContent = sayWhatItSays(isOn)
    sheet.save({ letters: { texts: isOn } })
  }
  const choice = makeChoice(sheet.settings.letters.texts, t("Avec le texte de la réponse"), choose)
  choice.querySelector("input").setAttribute("aria-describedby", hint.id)
  return build("div", { class: "account__texts" }, choice, hint)
}

/** What the service sends besides. Each can be left by the link in its e-mails, too. */
function makeLists(sheet) {
  const { programmes, encouragements, offers } = sheet.settings.letters
  return build(
    "fieldset",
    { class: "choices" },
    build("legend", { text: t("M’envoyer aussi") }),
    makeChoice(programmes, t("Les étapes de mes parcours"), (isOn) =>
      sheet.save({ letters: { programmes: isOn } }),
    ),
    makeChoice(encouragements, t("Des encouragements"), (isOn) =>
      sheet.save({ letters: { encouragements: isOn } }),
    ),
    makeChoice(offers, t("Les nouveaux parcours, quand il y en a"), (isOn) =>
      sheet.save({ letters: { offers: isOn } }),
    ),
  )
}

/** How many a day at most: the service's own number, or fewer. */
function makeMost(sheet) {
  const { letters, lettersADay } = sheet.settings
  const select = build("select", { name: "most" })
  for (let count = 1; count <= lettersADay; count++) {
    const text = count === lettersADay ? t("{count}, comme le prévoit le service", { count }) : String(count)
    const selected = count === (letters.mostADay ?? lettersADay)
    select.append(build("option", { value: String(count), text, selected }))
  }
  select.addEventListener("change", () => {
    const most = Number(select.value)
    sheet.save({ letters: { most_a_day: most === lettersADay ? null : most } })
  })
  return build(
    "label",
    { class: "field" },
    build("span", { text: t("E-mails par jour, au plus") }),
    select,
    build("small", {
      class: "field__hint quiet",
      text: t("Ce qui ne tient pas attend le lendemain. Les réponses passent d’abord."),
    }),
  )
}

function makeHours(sheet) {
  const { letters } = sheet.settings
  const { quietFrom, quietTo } = letters.quietFrom ? letters : USUAL_NIGHT
  const fields = [makeTime(t("De"), "from", quietFrom), makeTime(t("À"), "to", quietTo)]
  const hint = build("p", {
    class: "quiet small",
    id: "quiet-hint",
    text: t("À votre heure, celle de {zone}. Ce qui partirait alors attend la fin.", {
      zone: sayZone(sheet.settings.zone),
    }),
  })
  const hours = build(
    "fieldset",
    { class: "account__hours", hidden: !sheet.settings.letters.quietFrom, "aria-describedby": hint.id },
    build("legend", { class: "visually-hidden", text: t("Heures calmes") }),
    ...fields,
    hint,
  )
  hours.addEventListener("change", () => saveHours(sheet, hours))
  return hours
}

function makeTime(label, name, value) {
  return build(
    "label",
    { class: "field" },
    build("span", { text: label }),
    build("input", { type: "time", name, value, required: true }),
  )
}

/** Save the hours where they make sense; what does not is said, and left as it was typed. */
function saveHours(sheet, hours) {
  if (!hours) return sheet.save({ letters: { quiet_from: null, quiet_to: null } })
  const [from, to] = hours.querySelectorAll("input")
  const fault =
    !from.value || !to.value
      ? t("Il manque une heure.")
      : from.value === to.value
        ? t("Le début et la fin sont la même heure.")
        : ""
  for (const input of [from, to]) input.setAttribute("aria-invalid", String(Boolean(fault)))
  if (fault) return sheet.refuse(fault)
  return sheet.save({ letters: { quiet_from: from.value, quiet_to: to.value } })
}

/** Who can read an answer by e-mail, and the end of the answers to what was received so far. */
function makeAnswers(sheet) {
  const button = build("button", {
    class: "button button--quiet",
    type: "button",
    text: t("Ne plus accepter de réponses aux e-mails déjà reçus"),
  })
  button.addEventListener("click", async () => {
    sheet.say("")
    try {
      await refuseAnswers()
      sheet.say(t("C’est fait : les e-mails déjà reçus n’acceptent plus de réponse."))
    } catch (refusal) {
      sheet.refuse(sayRefusal(refusal, ""))
    }
  })
  return build(
    "section",
    { class: "account__place", "aria-labelledby": "answers-title" },
    build("h3", { id: "answers-title", text: t("Répondre par e-mail") }),
    build("p", {
      class: "quiet small",
      text: t(
        "Une réponse par e-mail rejoint la conversation, mais les messageries par lesquelles elle passe peuvent la lire.",
      ),
    }),
    build("div", { class: "sheet__actions" }, button),
  )
}

/** Say, kindly, that e-mails do not arrive, and what to do. */
export function makeRefused(sheet) {
  const { stoppedAt } = sheet.settings
  return build(
    "section",
    { class: "account__refused", "aria-labelledby": "refused-title" },
    build("h3", { id: "refused-title", tabindex: "-1", text: t("Nos e-mails ne vous parviennent pas") }),
    ...(stoppedAt ? makeStopped(sheet) : makeUncertain(sheet)),
  )
}

const sayWhom = ({ account }) =>
  account.role === "member"
    ? t("Si votre adresse a changé, dites-le à la personne qui vous accompagne.")
    : t("Si votre adresse a changé, dites-le à la personne qui gère le service.")

function makeUncertain(sheet) {
  const day = sayDay(sheet.settings.refusedAt)
  return [
    t(
      "Votre messagerie les refuse depuis {day}. Rien n’est perdu : vos messages vous attendent toujours ici.",
      { day },
    ),
    `${t("Votre boîte est peut-être pleine, ou fermée.")} ${sayWhom(sheet)} ${t("Ce mot s’efface dès qu’un e-mail passe de nouveau.")}`,
  ].map((text) => build("p", { class: "small", text }))
}

/** There is no such mailbox, says the other side: nothing is sent any more, until its owner says that there is. */
function makeStopped(sheet) {
  const day = sayDay(sheet.settings.stoppedAt)
  const again = build("button", {
    class: "button button--quiet",
    type: "button",
    text: t("Mon adresse est bonne : réessayer"),
  })
  again.addEventListener("click", () => resume(sheet, again))
  const words = [
    t(
      "Votre messagerie répond que votre adresse n’existe pas, ou plus. Depuis {day}, nous ne lui écrivons plus.",
      { day },
    ),
    `${t("Rien n’est perdu : vos messages vous attendent toujours ici.")} ${sayWhom(sheet)}`,
  ].map((text) => build("p", { class: "small", text }))
  return [...words, build("div", { class: "sheet__actions" }, again)]
}

async function resume(sheet, button) {
  button.disabled = true
  sheet.say("")
  try {
    sheet.settings = await resumeLetters()
  } catch (refusal) {
    button.disabled = false
    return sheet.refuse(sayRefusal(refusal, ""))
  }
  button.closest("section").remove()
  sheet.say(t("C’est noté : nos e-mails repartent."))
  sheet.focusTitle()
}
