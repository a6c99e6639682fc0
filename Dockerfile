# syntax=docker/dockerfile:1
#
#   docker build -t x2vec .
#   docker run -v "$PWD/runs:/runs" x2vec train
#
# Runs are kept in the volume /runs, data sets are looked for in /data. Started
# again on a volume with an unfinished run, the same command goes on with it.

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS=linux
ARG TARGETARCH=amd64
# On amd64 the program's own kernels serve; without the loader for other
# libraries the binary is static and needs no system below it.
RUN tags=""; if [ "$TARGETARCH" = amd64 ]; then tags=nodlopen; fi; \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -tags "$tags" \
      -ldflags "-s -w -X main.version=$VERSION" -o /out/x2vec ./cmd/x2vec
RUN mkdir -p /empty/runs /empty/data /empty/tmp && chmod 1777 /empty/tmp

FROM scratch AS final-amd64

# Elsewhere a BLAS library does the matrix products.
FROM debian:bookworm-slim AS final-arm64
RUN apt-get update && apt-get install -y --no-install-recommends libopenblas0-pthread \
    && rm -rf /var/lib/apt/lists/*

ARG TARGETARCH=amd64
FROM final-${TARGETARCH:-amd64}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=1000:1000 /empty/ /
COPY --from=build /out/x2vec /usr/local/bin/x2vec
# The pid 1 of the container is x2vec itself: docker stop (SIGTERM) lets it
# finish its step and save.
USER 1000:1000
ENV X2VEC_DATA=/data HOME=/tmp PATH=/usr/local/bin:/usr/bin:/bin
WORKDIR /
VOLUME ["/runs", "/data"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/x2vec"]
CMD ["train"]
