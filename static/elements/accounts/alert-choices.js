/* How one wants to be told of a reply, in this browser: a sound, a notification. Both off until they are chosen here. */

import { build, setText } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"
import { askToNotify, canNotify, chooseAlerts, chosenAlerts } from "../../models/shell/alerts.js"
import { playTone } from "../../models/shell/tone.js"
import { makeChoice } from "../pieces/choice.js"

export function makeAlertChoices() {
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
  if (isOn && !isAllowed)
    setText(
      said,
      t(
        "Votre navigateur refuse les notifications pour cette page : ses réglages permettent de les autoriser.",
      ),
    )
  box.checked = isAllowed
  chooseAlerts({ notices: isAllowed })
}
