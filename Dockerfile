# The platform: `docker build -t privateshare .`, then `docker compose up`. docs/deploy.md says how it is run and was tested.

FROM debian:trixie-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Security updates of Debian's Python are wanted, so no version is pinned; Python packages are, by requirements.lock.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE ./
# uv is in the lock too: pip fetches it, and uv checks the hash of everything else.
RUN python3 -m venv /tools \
 && awk '/^uv==/ {on = 1} on {print; if (!/\\$/) exit}' requirements.lock > /tools/uv.txt \
 && /tools/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /tools/uv.txt
COPY src src
RUN python3 -m venv --without-pip /opt/privateshare \
 && /tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/privateshare/bin/python \
    --constraint requirements.lock --build-constraint requirements.lock "privateshare[server] @ file:///source"

FROM debian:trixie-slim
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin privateshare \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/privateshare /opt/privateshare
# The linter takes every name with "PRIVATE" in it for a secret.
# hadolint ignore=DL3064
ENV PATH=/opt/privateshare/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PRIVATESHARE_DATA=/data \
    PRIVATESHARE_HOST=0.0.0.0 \
    PRIVATESHARE_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8790
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8790/readyz', timeout=4)"]
ENTRYPOINT ["privateshare"]
CMD ["serve"]
