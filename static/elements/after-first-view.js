/* What a page of signed-in people does once they see what they came for: nothing of it may delay that. */

import { keepShell } from "../models/shell.js"

export async function begin(page) {
  await page.querySelector("conversation-view").thread?.history.load()
  await keepShell()
}
