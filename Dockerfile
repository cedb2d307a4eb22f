# The server in a container: docker build --tag scrible .
#
# Runs as a user of its own and writes to /var/lib/scrible alone (SQLite's default place; nothing, where DATABASE_URL names Postgres).
# Stop it with more patience than SCRIBLE_DRAIN_DELAY_SECONDS and SCRIBLE_SHUTDOWN_SECONDS take together (docker stop --timeout 30).

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY bench bench
COPY crates crates
COPY exporter exporter
COPY migrations migrations
COPY src src
COPY tests tests
COPY web/dist web/dist
COPY xtask xtask
RUN cargo build --locked --release --package scrible

FROM debian:bookworm-slim
# Certificates, for databases that are reached over TLS. Their version is that of the base image's day.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/scrible scrible \
    && install --directory --owner scrible --group scrible --mode 0750 /var/lib/scrible
COPY --from=build /src/target/release/scrible /usr/local/bin/scrible
USER 10001:10001
WORKDIR /var/lib/scrible
# A container has a network of its own: whoever publishes the port decides who reaches it, and says whom to let in (SCRIBLE_JWT_SECRET or SCRIBLE_OPEN).
ENV HOST=0.0.0.0
EXPOSE 3001
# Longer than the command waits for an answer.
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 CMD ["scrible", "healthcheck"]
ENTRYPOINT ["scrible"]
