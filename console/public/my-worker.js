// Keeps the frame of the residents' portal, so that it opens without a network and says so. It keeps the page and its
// parts (/assets/, which never change), and nothing else: no answer about a person goes through here.
const FRAME = "kangyun-my-1";
const MOST = 80;

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/assets/")) event.respondWith(kept(request));
  else if (request.mode === "navigate" && /^\/my(\/|$)/.test(url.pathname)) event.respondWith(page(request));
});

async function kept(request) {
  const frame = await caches.open(FRAME);
  const found = await frame.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) {
    await put(frame, request, answer);
    const [oldest, ...others] = await frame.keys();
    if (others.length >= MOST) await frame.delete(oldest);
  }
  return answer;
}

// A telephone that is full keeps nothing, and opens the portal all the same.
function put(frame, name, answer) {
  return frame.put(name, answer.clone()).catch(() => undefined);
}

// The page is the same at each of its addresses.
async function page(request) {
  const frame = await caches.open(FRAME);
  try {
    const answer = await fetch(request);
    if (answer.ok) await put(frame, "/my", answer);
    return answer;
  } catch (error) {
    const found = await frame.match("/my");
    if (found) return found;
    throw error;
  }
}
