/* Keeps [data-live-url] fresh: fetches the fragment, replaces it when it changed, tells screen readers its [data-live-say]
   (or its lead), asks less often after errors, waits while the tab is hidden, stops at data-live-done.
   With data-live-stream the server says when to ask (server-sent events); where it cannot, the clock does. */
const SLOWEST = 60000;
const STREAM_AGAIN = 60000; // milliseconds until a server that had no place for a stream is asked for one again

export function live(root) {
  for (const box of root.querySelectorAll("[data-live-url]")) {
    if (!finished(box)) follow(box);
  }
}

function finished(box) {
  return box.matches("[data-live-done]") || box.querySelector("[data-live-done]") !== null;
}

function said(box) {
  const line = box.querySelector("[data-live-say]") || box.querySelector(".lead");
  return line ? line.textContent.replace(/\s+/g, " ").trim() : "";
}

function follow(box) {
  const usual = Number(box.dataset.liveEvery || 2) * 1000;
  const voice = document.createElement("p");
  voice.className = "visually-hidden";
  voice.setAttribute("role", "status");
  box.after(voice);
  let wait = usual;
  let last = null;
  let timer = 0;
  let asking = false;
  let again = false;
  let stream = null;

  /* One question at a time; a word that comes meanwhile is not lost. */
  async function ask() {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(box.dataset.liveUrl, { credentials: "same-origin", headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (text !== last) show(box, voice, text);
      last = text;
      wait = usual;
    } catch {
      wait = Math.min(wait * 2, SLOWEST);
    }
    asking = false;
    if (finished(box)) {
      stop();
    } else if (again) {
      again = false;
      ask();
    } else if (!stream && !document.hidden) {
      timer = setTimeout(ask, wait);
    }
  }

  function listen() {
    stream = new EventSource(box.dataset.liveStream);
    stream.addEventListener("message", ask);
    stream.addEventListener("error", () => {
      if (stream?.readyState !== EventSource.CLOSED) return; // it connects again by itself
      stream = null;
      ask();
      setTimeout(() => {
        if (!document.hidden && !stream && !finished(box)) listen();
      }, STREAM_AGAIN);
    });
  }

  function start() {
    if (box.dataset.liveStream) listen();
    else timer = setTimeout(ask, wait);
  }

  function stop() {
    clearTimeout(timer);
    stream?.close();
    stream = null;
  }

  document.addEventListener("visibilitychange", () => {
    stop();
    if (document.hidden || finished(box)) return;
    if (box.dataset.liveStream) listen();
    ask();
  });
  if (!document.hidden) start();
}

/* Somebody who stands on a link or a button inside stays there when it is still there. */
function show(box, voice, text) {
  const before = said(box);
  const at = box.contains(document.activeElement) ? document.activeElement : null;
  const place = at && (at.id ? `#${CSS.escape(at.id)}` : at.getAttribute("href") && `[href="${CSS.escape(at.getAttribute("href"))}"]`);
  box.innerHTML = text;
  if (place) box.querySelector(place)?.focus();
  if (said(box) !== before) voice.textContent = said(box);
}
