/* A button [data-nearby] inside a form fills its lat and lng inputs from the browser's position and sends the form;
   when the browser cannot or may not tell, the button says so (data-failed) and the district list remains. */
export function nearby(root) {
  if (!("geolocation" in navigator)) return;
  for (const button of root.querySelectorAll("[data-nearby]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      button.disabled = true;
      navigator.geolocation.getCurrentPosition(({ coords }) => found(button, coords), () => failed(button), {
        timeout: 10000,
        maximumAge: 300000,
      });
    });
  }
}

function found(button, coords) {
  button.disabled = false;
  button.form.elements.lat.value = coords.latitude.toFixed(5);
  button.form.elements.lng.value = coords.longitude.toFixed(5);
  button.form.requestSubmit(button.form.querySelector("[data-nearby-submit]") || undefined);
}

function failed(button) {
  if (button.dataset.failed) button.textContent = button.dataset.failed;
}
