/* Forms: send on change, ask before what cannot be undone, never send twice, print. */
const CALM = 700; // milliseconds without another change, so that three taps on + are one request

export function forms(root) {
  for (const form of root.querySelectorAll("form[data-autosubmit]")) sendOnChange(form);
  for (const form of root.querySelectorAll("form[data-confirm]")) askFirst(form);
  for (const form of root.querySelectorAll("form[data-once]")) sendOnce(form);
  for (const button of root.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
}

function sendOnChange(form) {
  let timer = 0;
  form.addEventListener("change", (event) => {
    clearTimeout(timer);
    const wait = event.target.type === "number" ? CALM : 0;
    timer = setTimeout(() => form.requestSubmit(), wait);
  });
  form.addEventListener("submit", () => clearTimeout(timer));
}

function askFirst(form) {
  form.addEventListener("submit", (event) => {
    if (!window.confirm(form.dataset.confirm)) event.preventDefault();
  });
}

/* The mark goes away when the page comes back from the browser's memory of pages. */
function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}
