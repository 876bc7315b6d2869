/* Shows which keys do what. Loaded when it is asked for. */

import "../../helpers/words/more-words.js"
import { build } from "../../helpers/build.js"
import { t } from "../../helpers/words/words.js"

export function openKeys() {
  const lines = [
    [["J", "K"], t("conversation suivante, précédente")],
    [["/"], t("filtrer par prénom")],
    [["S"], t("rechercher dans les messages")],
    [["N"], t("écrire une note")],
    [["R"], t("répondre")],
    [["C"], t("clore la conversation, ou la rouvrir")],
    [["E"], t("envoyer le mot suggéré")],
    [["A"], t("délai de réponse et absence")],
    [["Alt", "R"], t("réponses types ; dans un texte vide, un point-virgule suffit")],
    [[t("Tab")], t("dans une réponse type : le champ suivant ; Échap rend la touche Tab")],
    [["Ctrl", t("Entrée")], t("envoyer")],
    [[t("Échap")], t("quitter le texte, fermer")],
    [["?"], t("cette aide")],
  ]
  const close = build("button", { class: "round round--close", type: "button", "aria-label": t("Fermer") })
  const head = build(
    "div",
    { class: "sheet__head" },
    build("h2", { id: "keys-title", text: t("Au clavier") }),
    close,
  )
  const list = build("dl", { class: "keys" }, ...lines.flatMap(makeLine))
  const dialog = build("dialog", { class: "sheet", "aria-labelledby": "keys-title" }, head, list)
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("close", () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
}

const makeLine = ([keys, words]) => [
  build("dt", {}, ...keys.flatMap((key) => [build("kbd", { text: key }), " "])),
  build("dd", { text: words }),
]
