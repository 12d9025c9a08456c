# Replaces node:24-bookworm-slim where no registry can be reached: Node and npm from npm's packages.
ARG BASE=faultline/debian:bookworm
FROM ${BASE}
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
# The CA certificates that the building machine trusts: npm needs them behind a proxy with a certificate of its own.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "/usr/local/bin/$name"; done \
 && node --version && npm --version
CMD ["node"]
