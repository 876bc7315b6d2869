/*
  Says that the service came back from an older backup. What this page shows beyond it is nowhere else any more: it stays, to be
  copied, until its reader reloads the page. Loaded when that happens.
*/

import "../../helpers/words/more-words.js"
import { build } from "../../helpers/build.js"
import { wear } from "../../helpers/late-styles.js"
import { t } from "../../helpers/words/words.js"

export async function sayRewound() {
  if (document.querySelector(".rewound")) return
  const bar = build("aside", { class: "rewound", role: "alert" })
  document.body.append(bar)
  await wear("rewound")
  const reload = build("button", { class: "button", type: "button", text: t("Recharger la page") })
  reload.addEventListener("click", () => location.reload())
  const words = t(
    "Le service a été rétabli depuis une sauvegarde. Les derniers messages affichés ici n’y sont peut-être plus : copiez ce qui vous importe, puis rechargez la page.",
  )
  bar.append(build("p", { text: words }), reload)
}
