/* One's own way in: the password, the recovery code, and what of it is still as an operator left it. */

import { get, post } from "../../helpers/api.js"

/** Tell whether there is a recovery code, and whether the password is one's own. */
export async function waysIn() {
  const { recovery_code: hasCode, own_password: hasOwnPassword } = await get("/api/account/ways")
  return { hasCode, hasOwnPassword }
}

export const makeRecoveryCode = async (password) =>
  (await post("/api/account/recovery-code", { password })).code

/** `mayBeKnown`: somebody else might know the old one; then the account's keys are made anew. */
export const changePassword = (old, password, mayBeKnown) =>
  post("/api/account/password", { old, new: password, may_be_known: mayBeKnown })
