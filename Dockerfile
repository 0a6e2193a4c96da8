# The program alone: a static binary, and the authorities that HTTPS needs. docs/release.md has its use.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache ca-certificates make musl-dev
WORKDIR /build
COPY . .
RUN cargo build --release --locked

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /build/target/release/cofferdam /
USER 65532:65532
WORKDIR /repository
ENTRYPOINT ["/cofferdam"]
