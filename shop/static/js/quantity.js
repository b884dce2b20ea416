/* Gives number inputs in [data-stepper] a minus and a plus. */
export function steppers(root) {
  for (const box of root.querySelectorAll("[data-stepper]")) {
    const input = box.querySelector("input");
    const button = (sign, change) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = sign;
      made.setAttribute("aria-label", sign);
      made.addEventListener("click", () => {
        change > 0 ? input.stepUp() : input.stepDown();
        input.dispatchEvent(new Event("change", { bubbles: true }));
      });
      return made;
    };
    box.prepend(button("−", -1));
    box.append(button("+", 1));
  }
}
