# One image for every process of the shop: web, workers, relay, beat and migrations differ only in their command.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/shop
ENV PATH=/opt/shop/bin:$PATH
WORKDIR /app
COPY requirements.lock ./
RUN pip install --require-hashes --only-binary :all: -r requirements.lock
COPY . .
RUN pip install --no-deps --no-build-isolation --editable . \
    && pybabel compile --directory shop/translations \
    && python -m compileall -q shop catalogue orders workers wsgi.py

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --user-group --home-dir /app --shell /usr/sbin/nologin shop
COPY --from=build /opt/shop /opt/shop
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/shop/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    APP_ENV=production
USER shop
EXPOSE 8000
# It answers SIGTERM by finishing what it has begun; two processes, each with eight threads for pages, as many as it
# has database connections, and four for open streams.
CMD ["python", "-m", "shop.web_server", "--host", "0.0.0.0", "--port", "8000", "--seconds-to-finish", "30"]
