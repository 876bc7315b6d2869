/* The places beside the page: which of them a role has, and how many conversations have something unread. */

import { setText } from "../../helpers/build.js"

const MOST = 99

/** Show the places of a role, and hide those of others: the page is the same for several. */
export function showRail(role) {
  for (const item of document.querySelectorAll("[data-roles]"))
    item.hidden = !item.dataset.roles.split(" ").includes(role)
}

/** Say beside the place where one is how many conversations have something unread. */
export function countInRail(count) {
  const shown = document.querySelector('.rail [data-part="news"]')
  if (!shown) return
  setText(shown, count > MOST ? `${MOST}+` : String(count))
  shown.parentElement.hidden = !count
}
