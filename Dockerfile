# The service: docker build -t tunegate .          With what trains too: docker build -t tunegate-trainer --target trainer .
# A read-only root file system is enough: what is kept lies in /data, what is not in /tmp.

FROM python:3.13-slim AS sources
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY rules ./rules
COPY schemas ./schemas
COPY openapi ./openapi
COPY examples ./examples
COPY trainers ./trainers
COPY service ./service
RUN python -m venv /opt/tunegate

FROM sources AS build-service
RUN /opt/tunegate/bin/pip install --no-cache-dir -c constraints.txt \
    ".[service,mcp,otel,privacy,parquet,tokens,languages,near,evaluate]"

FROM build-service AS build-trainer
RUN /opt/tunegate/bin/pip install --no-cache-dir -c constraints.txt ".[train]"

FROM python:3.13-slim AS runtime
RUN groupadd --gid 10001 tunegate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin tunegate \
    && install -d -o 10001 -g 10001 -m 0700 /data
ENV PATH="/opt/tunegate/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    TUNEGATE_HOME=/data \
    TUNEGATE_LOG_FORMAT=json \
    TUNEGATE_AUTH=required
VOLUME /data
WORKDIR /data
EXPOSE 8484
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8484/health/live', timeout=4)"]
ENTRYPOINT ["tunegate"]
# it asks for a key from the start; the first one: docker exec CONTAINER tunegate keys create NAME
CMD ["serve", "--host", "0.0.0.0", "--port", "8484"]

FROM runtime AS trainer
COPY --from=build-trainer /opt/tunegate /opt/tunegate
USER 10001:10001

# the last stage is what is built when none is named
FROM runtime AS service
COPY --from=build-service /opt/tunegate /opt/tunegate
USER 10001:10001
