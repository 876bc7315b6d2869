/* Whether a member manages people: optional, and it says what it is for. */

import { build } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"

export function makeManagesChoice(sheet) {
  const { manages } = sheet.settings
  const answers = [
    [true, t("Oui")],
    [false, t("Non")],
    [null, t("Sans réponse")],
  ].map(([value, words]) => makeAnswer(sheet, value, words, value === manages))
  return build(
    "li",
    { class: "account__line" },
    build(
      "fieldset",
      { class: "choices", "aria-describedby": "manages-hint" },
      build("legend", { text: t("Encadrez-vous des personnes ?") }),
      build("p", {
        class: "quiet small",
        id: "manages-hint",
        text: t(
          "Facultatif : selon la réponse, certaines étapes de vos parcours sont différentes. Cela ne sert à rien d’autre.",
        ),
      }),
      ...answers,
    ),
  )
}

function makeAnswer(sheet, value, words, checked) {
  const input = build("input", { type: "radio", name: "manages", value: String(value), checked })
  input.addEventListener("change", () => sheet.save({ manages: value }))
  return build("label", { class: "choice" }, input, build("span", { text: words }))
}
