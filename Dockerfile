# A static regsize in an image of nothing else: docker build -t regsize .
FROM rust:1.95-alpine AS build
RUN apk add --no-cache build-base
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin regsize && install -D target/release/regsize /out/regsize

FROM scratch
# Reports go to stdout; what is kept between runs goes to a volume, if one is mounted here.
ENV REGSIZE_CACHE_DIR=/cache
COPY --from=build /out/regsize /regsize
USER 65534:65534
ENTRYPOINT ["/regsize"]
