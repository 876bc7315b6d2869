/* Says in plain words why a password, a code or a request was not taken. */

import { sayWhile } from "../../helpers/time.js"
import { t } from "../../helpers/words/words.js"

/** `wrong` is what is said of credentials that do not fit. */
export function sayRefusal({ status, code, said, retryAfter }, wrong) {
  if (code === "wrong_credentials") return wrong
  if (status === 429)
    return t("Trop d’essais. Par prudence, réessayez dans {while}.", { while: sayWhile(retryAfter || 60) })
  if (status === 0) return t("Le service ne répond pas. Vérifiez votre connexion, puis réessayez.")
  if (status >= 500) return t("Le service a un souci. Réessayez dans un instant.")
  return said || t("Cela n’a pas réussi. Réessayez dans un instant.")
}
