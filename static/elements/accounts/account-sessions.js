/* The view of one's sessions: where one is signed in, ending one, ending all others after a question. */

import { build } from "../../helpers/build.js"
import { sayDay } from "../../helpers/time.js"
import { t, tn } from "../../helpers/words/words.js"
import { endOtherSessions, endSession, ownSessions } from "../../models/accounts/own-settings.js"
import { sayRefusal } from "../pieces/refusal.js"

export async function makeSessions(sheet) {
  const title = t("Appareils")
  try {
    return [title, ...makeList(sheet, await ownSessions())]
  } catch (refusal) {
    return [title, build("p", { class: "trouble", role: "alert", text: sayRefusal(refusal, "") })]
  }
}

function makeList(sheet, sessions) {
  const others = sessions.filter(({ isCurrent }) => !isCurrent)
  const words = build("p", {
    class: "quiet small",
    text: t("Un appareil que vous ne reconnaissez pas ? Déconnectez-le, puis changez votre mot de passe."),
  })
  const list = build(
    "ul",
    { class: "account__list" },
    ...sessions.map((session) => makeSession(sheet, session)),
  )
  if (!others.length) return [words, list]
  const all = build("button", {
    class: "button button--alarm",
    type: "button",
    text: t("Déconnecter tous les autres"),
  })
  all.addEventListener("click", () => ask(sheet, others.length))
  return [words, list, build("div", { class: "sheet__actions" }, all)]
}

function makeSession(sheet, session) {
  const name = sayDevice(session)
  const about = build("span", {
    class: "quiet small",
    text: t("Depuis {day}", { day: sayDay(session.beganAt) }),
  })
  const seen = t("vu {day}", { day: sayDay(noonOf(session.seenAt)) })
  if (!session.isCurrent) about.append(" · ", seen)
  const text = build("p", {}, build("b", { text: name }), about)
  if (session.isCurrent)
    return build(
      "li",
      { class: "account__line" },
      text,
      build("span", { class: "account__here small", text: t("cet appareil") }),
    )
  const button = build("button", {
    class: "button button--quiet",
    type: "button",
    text: t("Déconnecter"),
    "aria-label": t("Déconnecter : {name}", { name }),
  })
  button.addEventListener("click", () =>
    act(sheet, () => endSession(session), t("Déconnecté : {name}.", { name })),
  )
  return build("li", { class: "account__line" }, text, button)
}

function ask(sheet, count) {
  const yes = build("button", { class: "button button--alarm", type: "button", text: t("Déconnecter") })
  yes.addEventListener("click", () =>
    act(sheet, endOtherSessions, t("Les autres appareils sont déconnectés.")),
  )
  const no = build("button", { class: "button", type: "button", text: t("Annuler") })
  no.addEventListener("click", () => sheet.show("sessions"))
  const words = tn(
    "{n} autre appareil devra se reconnecter. Ce qui y est écrit et pas encore envoyé y reste gardé.",
    "{n} autres appareils devront se reconnecter. Ce qui y est écrit et pas encore envoyé y reste gardé.",
    count,
  )
  sheet.put(
    t("Déconnecter tous les autres ?"),
    build("p", { text: words }),
    build("div", { class: "sheet__actions" }, no, yes),
  )
}

async function act(sheet, end, words) {
  try {
    await end()
    await sheet.show("sessions")
    sheet.say(words)
  } catch (refusal) {
    sheet.refuse(sayRefusal(refusal, ""))
  }
}

const sayDevice = ({ device }) => device ?? t("Appareil inconnu")

/** The day alone is known, in UTC: noon of that date here is on the same date everywhere. */
const noonOf = (at) => `${at.slice(0, 10)}T12:00`
