/* How one wants to be told of a reply, in this browser: a sound, a notification, a push. All off until they are chosen here. */

import { build, setText } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"
import { askToNotify, canNotify, chooseAlerts, chosenAlerts } from "../../models/shell/alerts.js"
import { choosePush, isPushChosen, takePushBack } from "../../models/shell/push.js"
import { playTone } from "../../models/shell/tone.js"
import { makeChoice } from "../pieces/choice.js"

export function makeAlertChoices(sheet) {
  const { sound, notices } = chosenAlerts()
  const said = build("p", { class: "quiet small", role: "status" })
  const words = t("Par une notification, sans nom ni texte, quand Ailo n’est pas à l’écran")
  const notice =
    canNotify() &&
    makeChoice(notices && Notification.permission === "granted", words, (isOn) =>
      chooseNotices(isOn, notice.control, said),
    )
  const list = build(
    "fieldset",
    { class: "choices" },
    build("legend", { text: t("Être prévenu·e d’une réponse, dans ce navigateur") }),
    makeChoice(sound, t("Par un son discret"), chooseSound),
    notice,
    ...makePush(sheet, said),
    said,
  )
  return build("li", { class: "account__line" }, list)
}

/** Who chooses the sound hears it. */
function chooseSound(isOn) {
  chooseAlerts({ sound: isOn })
  if (isOn) playTone()
}

async function chooseNotices(isOn, box, said) {
  setText(said, "")
  const isAllowed = isOn && (await askToNotify())
  box.checked = isAllowed
  if (isOn && !isAllowed) refuse(box, said)
  chooseAlerts({ notices: isAllowed })
}

/** Where push cannot be had, it is not offered. */
function makePush({ account, pushKey: key }, said) {
  if (!key) return []
  const words = t("Aussi quand Ailo est fermé, sans nom ni texte")
  const choice = makeChoice(isPushChosen(account), words, (isOn) =>
    choosePushOrNot({ account, key, said, isOn, box: choice.control }),
  )
  choice.control.setAttribute("aria-describedby", "push-hint")
  const hint = t(
    "Par le service de notifications de votre navigateur : il apprend que quelque chose vous attend, mais ni quoi ni de qui. Vos heures calmes sont respectées.",
  )
  return [choice, build("p", { class: "quiet small choice__hint", id: "push-hint", text: hint })]
}

async function choosePushOrNot({ account, key, said, isOn, box }) {
  setText(said, "")
  box.disabled = true
  try {
    if (!isOn) await takePushBack()
    else if (!(await choosePush(account, key))) refuse(box, said)
  } catch {
    box.checked = !isOn
    setText(
      said,
      t("Cela n’a pas pu être changé : réessayez dans un instant. Vos e-mails, eux, partent comme avant."),
    )
  }
  box.disabled = false
}

function refuse(box, said) {
  box.checked = false
  setText(
    said,
    t(
      "Votre navigateur refuse les notifications pour cette page : ses réglages permettent de les autoriser.",
    ),
  )
}
