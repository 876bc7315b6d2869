/* Shows the page again once a newer letter has come. Asks only while somebody looks. */

const PAUSE = 2_000
const newestOf = (text) => /data-newest="([^"]*)"/.exec(text)?.[1]
const shown = document.querySelector("[data-newest]").dataset.newest

setInterval(async () => {
  if (document.hidden) return
  const answer = await fetch("/mailbox").catch(() => null)
  if (answer?.ok && newestOf(await answer.text()) !== shown) location.reload()
}, PAUSE)
