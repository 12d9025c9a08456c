# Compiles docker/agent for machines without a compiler; the binary is copied out of the image.
ARG BASE=faultline/debian:bookworm
FROM ${BASE}
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends gcc libc6-dev make musl-tools \
 && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN make -C /src agent && mkdir /out && cp /src/agent /out/agent
