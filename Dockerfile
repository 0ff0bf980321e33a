# The server in a container. Others than this machine reach it only with the token, and by the name that --public-url says:
#
#   docker build -t amortized-sr .
#   openssl rand -hex 16 > token && chmod 644 token
#   docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 -v "$PWD/token:/run/secrets/token:ro" amortized-sr
#
# Words behind the image's name replace `--public-url http://localhost:8000`; `amortized-sr serve --help` lists them.
FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
# The address of an index of torch for CPUs only makes the image several gigabytes smaller:
# --build-arg PIP_EXTRA_INDEX_URL=ADDRESS
ARG PIP_EXTRA_INDEX_URL
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[web]" && rm -r /wheels \
    && useradd --system --no-create-home --uid 10001 server
USER server
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
ENTRYPOINT ["amortized-sr", "serve", "--host", "0.0.0.0", "--token-file", "/run/secrets/token"]
CMD ["--public-url", "http://localhost:8000"]
