"""The order life: cart, checkout, routing, fulfilment, payments, notices, settlement."""
