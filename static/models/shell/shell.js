/*
  Hands the shell to a service worker, once the page has what it needs. Where workers are forbidden everything else still works.

  The content policy allows one policy of trusted types, made here and nowhere else; it knows one address.
*/

const WORKER = "/worker.js"

const policy = globalThis.trustedTypes?.createPolicy("ailo-worker", { createScriptURL })

/** Register the worker; gives its registration, or undefined where there is none. */
export async function keepShell() {
  try {
    return await navigator.serviceWorker.register(policy?.createScriptURL(WORKER) ?? WORKER, {
      scope: "/",
      updateViaCache: "none",
    })
  } catch {
    return undefined // Forbidden, or the storage is full: a page without a shell is as good, but for the offline page.
  }
}

function createScriptURL(address) {
  if (address === WORKER) return address
  throw new TypeError("The only script that may be named is the service worker.")
}
