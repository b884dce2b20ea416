/* Gives number inputs in [data-stepper] a minus and a plus, named in the reader's language by the template. */
export function steppers(root) {
  for (const box of root.querySelectorAll("[data-stepper]")) {
    if (box.querySelector("button")) continue;
    const input = box.querySelector("input");
    const less = button("−", box.dataset.less, () => input.stepDown());
    const more = button("+", box.dataset.more, () => input.stepUp());
    const mark = () => {
      less.disabled = input.min !== "" && Number(input.value) <= Number(input.min);
      more.disabled = input.max !== "" && Number(input.value) >= Number(input.max);
    };
    for (const one of [less, more]) {
      one.addEventListener("click", () => input.dispatchEvent(new Event("change", { bubbles: true })));
    }
    input.addEventListener("change", mark);
    box.prepend(less);
    box.append(more);
    mark();
  }
}

function button(sign, name, change) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = sign;
  made.setAttribute("aria-label", name || sign);
  made.addEventListener("click", change);
  return made;
}
