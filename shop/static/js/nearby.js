/* A button [data-nearby] inside a form fills its lat and lng inputs from the browser's position and sends the form. */
export function nearby(root) {
  if (!("geolocation" in navigator)) return;
  for (const button of root.querySelectorAll("[data-nearby]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      navigator.geolocation.getCurrentPosition(({ coords }) => {
        button.form.elements.lat.value = coords.latitude.toFixed(5);
        button.form.elements.lng.value = coords.longitude.toFixed(5);
        button.form.requestSubmit(button.form.querySelector("[data-nearby-submit]") || undefined);
      });
    });
  }
}
