/* Keeps [data-live-url] fresh: fetches the fragment, replaces it when it changed, stops at data-live-done. */
export function live(root) {
  for (const box of root.querySelectorAll("[data-live-url]")) follow(box);
}

function follow(box) {
  const usual = Number(box.dataset.liveEvery || 2) * 1000;
  let wait = usual;
  let last = box.innerHTML;
  box.setAttribute("aria-live", "polite");
  const again = () => setTimeout(step, wait);
  async function step() {
    if (document.hidden) return again();
    try {
      const answer = await fetch(box.dataset.liveUrl, { credentials: "same-origin", headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (text !== last) {
        last = text;
        box.innerHTML = text;
      }
      wait = usual;
      if (box.querySelector("[data-live-done]")) return;
    } catch {
      wait = Math.min(wait * 2, 60000);
    }
    again();
  }
  if (!box.querySelector("[data-live-done]")) again();
}
