"""The WSGI entry point, nothing else."""

from shop.app import create_app

app = create_app()
