# The image of the platform: run `docker build -t privateshare .`, then `docker compose up`. docs/deploy.md says how it was tested.

FROM debian:trixie-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Debian packages are not pinned, to get security updates. Python packages are pinned by requirements.lock.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE ./
# pip installs uv, which is in the lock file too, and uv checks the hashes of all other packages.
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
# The linter treats every name that contains "PRIVATE" as a secret.
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
