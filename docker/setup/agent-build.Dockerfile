# Compiles docker/agent for machines without a compiler; the binary is copied out of the image.
ARG BASE=faultline/debian:bookworm
FROM ${BASE}
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends gcc libc6-dev make musl-tools \
 && rm -rf /var/lib/apt/lists/*
COPY agent /src/agent
COPY interpreter /src/interpreter
RUN make -C /src/agent OUT=/out
