/* « Encouragements »: the rules, what each says, and its switch for the whole service. For companions and administrators. */

import "../../helpers/words/more-words.js"
import { build, setText } from "../../helpers/build.js"
import { wear } from "../../helpers/late-styles.js"
import { sayWithin } from "../../helpers/words/reply-time-words.js"
import { t } from "../../helpers/words/words.js"
import { rules, switchRule } from "../../models/encouragements/suggestions.js"
import { sayRefusal } from "../pieces/refusal.js"

export async function openRules() {
  const [known] = await Promise.all([rules().catch(() => null), wear("encouragements")])
  const heading = build("h2", { id: "rules-title", tabindex: "-1", text: t("Encouragements") })
  const close = build("button", { class: "round round--close", type: "button", "aria-label": t("Fermer") })
  const dialog = build(
    "dialog",
    { class: "sheet", "aria-labelledby": "rules-title" },
    build("div", { class: "sheet__head" }, heading, close),
  )
  if (known) dialog.append(makeIntroduction(), makeList(known))
  else dialog.append(build("p", { text: t("Le service ne répond pas. Réessayez dans un instant.") }))
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  heading.focus()
}

const makeIntroduction = () =>
  build("p", {
    class: "quiet small",
    text: t(
      "Ces règles regardent qui a écrit quand, jamais ce qui est écrit. Une par jour au plus, plus aucune dès que la personne répond. Un changement vaut pour tout le service.",
    ),
  })

const makeList = (known) => build("ul", { class: "rules" }, ...known.map(makeRule))

function makeRule(rule) {
  const box = build("input", { type: "checkbox", checked: rule.on, "aria-describedby": `rule-${rule.name}` })
  const trouble = build("p", { class: "trouble", role: "alert" })
  box.addEventListener("change", () => change(rule, box, trouble))
  const label = build("label", { class: "rules__label" }, box, build("span", { text: rule.meaning }))
  const how = rule.automatic ? t("part tout seul, par e-mail") : t("suggéré aux accompagnant·es")
  const when = rule.after_hours ? t("après {within}", { within: sayWithin(rule.after_hours) }) : t("aussitôt")
  const words = build("p", { class: "quiet small", id: `rule-${rule.name}`, text: `${how}, ${when}` })
  const text = build("blockquote", { class: "rules__text small", text: rule.text.replace("{name}", "…") })
  return build("li", {}, label, words, text, trouble)
}

async function change(rule, box, trouble) {
  setText(trouble, "")
  try {
    await switchRule(rule.name, box.checked)
  } catch (refusal) {
    box.checked = !box.checked
    setText(trouble, sayRefusal(refusal, ""))
  }
}
