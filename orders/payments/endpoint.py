"""Whether the provider sends its messages as the library here reads them: asked before a new release starts."""

from __future__ import annotations

import click

from orders.payments.gateway import Endpoint, GatewayDown, PaymentGateway
from orders.payments.providers import payment_gateway, webhook_address
from orders.payments.reconcile import command

ALL_EVENTS = "*"


def faults_of(endpoint: Endpoint, gateway: PaymentGateway) -> list[str]:
    """What is wrong with an address the provider sends our messages to; nothing when all is well."""
    faults = []
    if endpoint.api_version != gateway.api_version:
        faults.append(f"sends API {endpoint.api_version or '(the default of the account)'}, not {gateway.api_version}")
    missing = set() if ALL_EVENTS in endpoint.events else gateway.events - endpoint.events
    if missing:
        faults.append(f"leaves out {', '.join(sorted(missing))}")
    if not endpoint.enabled:
        faults.append("is switched off")
    return faults


def check_endpoints(gateway: PaymentGateway, address: str) -> list[str]:
    """What is wrong with the endpoints at `address`. Raises GatewayDown."""
    ours = [one for one in gateway.endpoints() if one.url == address]
    if not ours:
        return [f"none sends to {address}"]
    return [f"{one.ref} {fault}" for one in ours for fault in faults_of(one, gateway)]


@command.command("endpoint")
def endpoint_command() -> None:
    """Look how the provider sends its messages; ends with 1 when a release must not start with that."""
    gateway = payment_gateway()
    if gateway is None:
        click.echo("no payment provider is set (STRIPE_SECRET_KEY): nothing to look at")
        return
    try:
        faults = check_endpoints(gateway, webhook_address())
    except GatewayDown as down:
        click.echo(f"the provider is away ({down}); messages of another version will show among the findings")
        return
    if faults:
        raise click.ClickException("webhook endpoint: " + "; ".join(faults))
    click.echo(f"the webhook endpoint sends API {gateway.api_version}")
