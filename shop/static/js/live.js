/* Keeps [data-live-url] fresh: fetches the fragment, replaces it when it changed, tells screen readers its [data-live-say]
   (or its lead), asks less often after errors, waits while the tab is hidden, stops at data-live-done. */
const SLOWEST = 60000;

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

  async function step() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", step, { once: true });
      return;
    }
    try {
      const answer = await fetch(box.dataset.liveUrl, { credentials: "same-origin", headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (text !== last) show(box, voice, text);
      last = text;
      wait = usual;
      if (finished(box)) return;
    } catch {
      wait = Math.min(wait * 2, SLOWEST);
    }
    setTimeout(step, wait);
  }
  setTimeout(step, wait);
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
