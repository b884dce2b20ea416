/* The card fields of the payment provider. Its script is loaded on this page only; where it does not come, the
   wallets below still work without it. */
const box = document.getElementById("pay-element");
const problem = document.getElementById("pay-problem");
const button = document.getElementById("pay-now");

function say(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

function begin() {
  const stripe = window.Stripe(box.dataset.payKey, { locale: box.dataset.payLocale });
  const elements = stripe.elements({ clientSecret: box.dataset.paySecret });
  elements.create("payment").mount(box);
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    say("");
    const result = await stripe.confirmPayment({ elements, confirmParams: { return_url: box.dataset.payReturn } });
    // Reached only when the customer stays on this page: the payment was refused, or a field is missing.
    if (result.error) say(result.error.message);
    button.disabled = false;
  });
}

if (box) {
  const script = document.createElement("script");
  script.src = "https://js.stripe.com/v3/";
  script.addEventListener("load", begin);
  document.head.append(script);
}
