/*
  The service worker: keeps the shell, so that there is something kind to see, and to go on with, where there is no network.

  It keeps what is the same for everybody: the files at the addresses of this version, and the page of no network. It never looks
  at what is asked of /api/, keeps no page of a conversation, and lets everything but GET pass. SHELL is written above by the
  service (chat/pages/assets.py): {root, paths, offline, pages, told}; it changes with any file, and with it this worker. A new one waits until
  no tab of the old is left, then drops what the old one kept: a tab that is open goes on with the files it began with.
*/

/* global SHELL */

const PREFIX = "ailo-shell "
const KEPT = PREFIX + SHELL.root

// What a proxy answers while the service starts again: no page of ours.
const AWAY = new Set([502, 503, 504])

self.addEventListener("install", (event) => event.waitUntil(keepShell()))
self.addEventListener("activate", (event) => event.waitUntil(begin()))
self.addEventListener("fetch", answer)
self.addEventListener("message", (event) => event.waitUntil(WISHES[event.data?.type]?.(event.data)))
self.addEventListener("push", (event) => event.waitUntil(tellOfPush()))
self.addEventListener("notificationclick", (event) => event.waitUntil(follow(event.notification)))

// Lifecycle

async function keepShell() {
  const kept = await caches.open(KEPT)
  await kept.addAll([...SHELL.paths, new Request(SHELL.offline, { cache: "reload" })])
}

async function begin() {
  const names = await caches.keys()
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== KEPT).map((name) => caches.delete(name)),
  )
  await self.registration.navigationPreload?.enable()
  await self.clients.claim()
}

// Answering

function answer(event) {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== "GET" || origin !== self.location.origin || pathname.startsWith("/api/")) return
  if (request.mode === "navigate" && request.destination === "document") event.respondWith(openPage(event))
  else if (pathname.startsWith(SHELL.root) && (isAway || !self.navigator.onLine))
    event.respondWith(fromShell(request))
}

/** Whether the service could not be reached when it was last asked for a page. While it can, the browser's own cache has our files for good, and is faster. */
let isAway = false

/** The network first, always: a page is never kept. */
async function openPage(event) {
  try {
    const page = (await event.preloadResponse) ?? (await fetch(event.request))
    isAway = AWAY.has(page.status)
    if (isAway) return await pageOfNoNetwork()
    event.waitUntil(speak(page.headers.get("Content-Language")))
    return page
  } catch {
    return pageOfNoNetwork()
  }
}

async function pageOfNoNetwork() {
  isAway = true
  return (await caches.match(SHELL.offline, { cacheName: KEPT })) ?? Response.error()
}

/** Keep the page of no network in the language that pages are read in. */
async function speak(language) {
  const kept = await caches.open(KEPT)
  const known = await kept.match(SHELL.offline)
  if (language && known?.headers.get("Content-Language") !== language)
    await kept.add(new Request(SHELL.offline, { cache: "reload" }))
}

async function fromShell(request) {
  return (await caches.match(request, { cacheName: KEPT })) ?? fetch(request)
}

// Telling of a reply, for a page that was asked to (static/models/shell/alerts.js)

const WISHES = {
  alert: tell,
  close: ({ thread }) => closeAll({ tag: thread }),
  "close-all": () => closeAll(),
  unsubscribe: async () => (await self.registration.pushManager.getSubscription())?.unsubscribe(),
}

/** The notification of a push, about no conversation in particular: the next takes its place. */
const PUSHED = "push"
const CONVERSATIONS = new Set(["/member", "/dashboard"])

/** Once for a conversation, until it is read. */
async function tell({ thread, title, page }) {
  const [shown] = await self.registration.getNotifications({ tag: thread })
  if (shown) return
  await show(title, thread, { page })
  await closeAll({ tag: PUSHED })
}

/** A push says nothing but that something is unread. It must be shown; where a page has told of a reply, that is shown again. */
async function tellOfPush() {
  const [shown] = await self.registration.getNotifications()
  if (shown) await show(shown.title, shown.tag, shown.data)
  else await show(await sayReply(), PUSHED, {})
}

function show(title, tag, data) {
  const icon = `${SHELL.root}images/icon-192.png`
  return self.registration.showNotification(title, { tag, icon, silent: true, data })
}

/** In the language that pages are read in, which the page of no network is kept in. */
async function sayReply() {
  const page = await caches.match(SHELL.offline, { cacheName: KEPT })
  return SHELL.told[page?.headers.get("Content-Language")] ?? Object.values(SHELL.told)[0]
}

async function closeAll(which) {
  for (const one of await self.registration.getNotifications(which)) one.close()
}

/** Go to the conversation: in the tab that was last looked at, or in a new one. That of a push leads to where one is at home. */
async function follow(notification) {
  const { tag: thread, data } = notification
  notification.close()
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true })
  if (thread === PUSHED) {
    const home = tabs.find(({ url }) => CONVERSATIONS.has(new URL(url).pathname))
    return home ? home.focus() : self.clients.openWindow("/")
  }
  const tab = tabs.find(({ url }) => new URL(url).pathname === data.page)
  if (!tab) return self.clients.openWindow(`${data.page}#${thread}`)
  tab.postMessage({ type: "open", thread })
  return tab.focus()
}
