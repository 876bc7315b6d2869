/* Names what was attached to an e-mail: the service takes the text alone. */

import { build } from "../../helpers/build.js"
import { tlist, tn } from "../../helpers/words/words.js"

/** A line with the names; nothing where nothing was attached. */
export const makeAttachments = (names) =>
  names.length > 0 &&
  build("p", {
    class: "quiet small",
    text: tn("Pièce jointe non reçue : {names}", "Pièces jointes non reçues : {names}", names.length, {
      names: tlist(names),
    }),
  })
