/* Puts on the styles of what is opened late: a page's first view does not pay for them. */

const worn = new Map()

/** Load a sheet of styles/late once; resolves when it is there, or could not be had: unstyled is better than unopened. */
export function wear(name) {
  if (!worn.has(name)) worn.set(name, put(name))
  return worn.get(name)
}

function put(name) {
  const link = document.createElement("link")
  const settled = new Promise((done) =>
    ["load", "error"].forEach((type) => link.addEventListener(type, done)),
  )
  Object.assign(link, {
    rel: "stylesheet",
    href: new URL(`../styles/late/${name}.css`, import.meta.url).pathname,
  })
  document.head.append(link)
  return settled
}
