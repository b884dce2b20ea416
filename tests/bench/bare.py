"""The least a view can do on our server: what every page of ours is compared with."""

from flask import Flask

app = Flask(__name__)


@app.get("/healthz")
def hello() -> str:
    return "ok"
