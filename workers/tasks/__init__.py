"""One thin module per concern: what a topic means, in one call of a service."""

import workers.tasks.invoices
import workers.tasks.mails
import workers.tasks.notices
import workers.tasks.payments
import workers.tasks.routing
import workers.tasks.webhooks  # noqa: F401
