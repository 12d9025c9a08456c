# Compiles docker/sandboxd on machines without a compiler. docker/setup/sandboxd copies the binary out of the image.
ARG BASE=faultline/debian:bookworm
FROM ${BASE}
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends gcc libc6-dev make musl-tools \
 && rm -rf /var/lib/apt/lists/*
COPY sandboxd /src/sandboxd
COPY interpreter /src/interpreter
RUN make -C /src/sandboxd OUT=/out
